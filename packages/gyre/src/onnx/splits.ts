import { type Graph, isOp, type Value } from "../graph/types.ts";

/**
 * Slices that cut one value along one axis and leave nothing over: one Split does for all of them. Maps the
 * first of such a group to all of it in order along the axis, and each other one to nothing.
 */
export function splits(graph: Graph): ReadonlyMap<Value, readonly Value<"slice">[]> {
  const groups = new Map<string, Value<"slice">[]>();
  for (const value of graph.values) {
    if (!isOp(value, "slice")) continue;
    const key = `${(value.inputs[0] as Value).id} ${value.attrs.axis}`;
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  const found = new Map<Value, readonly Value<"slice">[]>();
  for (const group of groups.values()) {
    const ordered = group.toSorted((a, b) => a.attrs.start - b.attrs.start);
    if (group.length < 2 || !isPartition(ordered)) continue;
    for (const value of group) found.set(value, []);
    found.set(group[0] as Value, ordered);
  }
  return found;
}

function isPartition(parts: readonly Value<"slice">[]): boolean {
  const { inputs, attrs } = parts[0] as Value<"slice">;
  const ends = [0, ...parts.map((part) => part.attrs.end)];
  return (
    parts.every(({ attrs: { start } }, index) => start === ends[index]) &&
    ends.at(-1) === inputs[0]?.shape[attrs.axis]
  );
}

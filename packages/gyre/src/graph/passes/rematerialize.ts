import { sizeOf } from "../../util/tensor.ts";
import type { Graph, OpName, Value } from "../types.ts";
import { rebuild } from "./rebuild.ts";

/** One pass over memory, or less: as cheap to compute again as to write out and read back. */
const cheap: ReadonlySet<OpName> = new Set<OpName>(["add", "sub", "mul", "slice"]);
/** Values of fewer elements are kept. */
const LARGE = 2 ** 16;
/** How many values must lie between two reads for keeping to be worth avoiding. */
const GAP = 256;

interface Again {
  readonly readers: ReadonlySet<Value>;
  /** What the first late reader reads besides: once it is there, the value is computed again. */
  readonly anchor: Value;
}

/**
 * Computes a cheap value again where the backward pass reads it, if what it is made from is kept until then
 * anyway: an activation less to hold for each.
 */
export function rematerialize(graph: Graph): Graph {
  const plans = plan(graph);
  const again = new Map<Value, Value>();
  return rebuild(graph, (reader, inputs, builder, moved) => {
    let changed = false;
    const replaced = reader.inputs.map((input, index) => {
      const found = plans.get(input);
      if (!found?.readers.has(reader)) return inputs[index] as Value;
      changed = true;
      const known = again.get(input);
      if (known) return known;
      const [first, ...others] = input.inputs.map(moved) as [Value, ...Value[]];
      const held = builder.emit("after", [first, moved(found.anchor)], {});
      const copy = builder.emit(input.op as "mul", [held, ...others], input.attrs as Value<"mul">["attrs"]);
      again.set(input, copy);
      return copy;
    });
    if (!changed) return undefined;
    return builder.emit(reader.op as "mul", replaced, reader.attrs as Value<"mul">["attrs"]);
  });
}

function plan({ values, outputs }: Graph): ReadonlyMap<Value, Again> {
  const position = new Map(values.map((value, index) => [value, index]));
  const at = (value: Value) => position.get(value) as number;
  const readers = new Map<Value, Value[]>();
  for (const value of values) {
    for (const input of new Set(value.inputs)) readers.set(input, [...(readers.get(input) ?? []), value]);
  }
  const kept = new Set(outputs.values());
  const plans = new Map<Value, Again>();
  for (const value of values) {
    if (!cheap.has(value.op) || sizeOf(value.shape) < LARGE || kept.has(value)) continue;
    const reads = readers.get(value) ?? [];
    const late = reads.filter((reader, index) => at(reader) - at(reads[index - 1] ?? value) > GAP);
    const first = late[0];
    if (!first) continue;
    const anchor = first.inputs.filter((input) => input !== value).sort((a, b) => at(b) - at(a))[0];
    const isKept = (input: Value) =>
      input.inputs.length === 0 ||
      (!plans.has(input) && (readers.get(input) ?? []).some((reader) => at(reader) > at(first)));
    if (!anchor || at(anchor) < at(first) - GAP || !value.inputs.every(isKept)) continue;
    plans.set(value, { readers: new Set(reads.slice(reads.indexOf(first))), anchor });
  }
  return plans;
}

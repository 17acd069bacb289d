import { rebuild } from "../graph/passes/rebuild.ts";
import { type Graph, isOp, type OpName, type Value } from "../graph/types.ts";

/** A graph without some operations, and the one that computes their results ahead of it. */
export interface SplitGraph {
  readonly graph: Graph;
  /** Its outputs are inputs of `graph`; undefined where there was nothing to split off. */
  readonly before: Graph | undefined;
}

/**
 * Splits off the operations that a device computes wrongly, with all that they are computed from. They must be few and
 * small: what is split off is interpreted on the host before every run.
 */
export function splitOff(graph: Graph, wrong: ReadonlySet<OpName>): SplitGraph {
  const moved = graph.values.filter(({ op }) => wrong.has(op));
  if (moved.length === 0) return { graph, before: undefined };
  const ahead = new Set<Value>();
  const collect = (value: Value): void => {
    if (ahead.has(value)) return;
    ahead.add(value);
    value.inputs.forEach(collect);
  };
  moved.forEach(collect);
  const isMoved = new Set(moved);
  const nameOf = (value: Value) => `host/${value.id}`;
  return {
    graph: rebuild(graph, (value, _, builder) =>
      isMoved.has(value) ? builder.input(nameOf(value), value.shape, value.dtype) : undefined,
    ),
    before: {
      ...graph,
      values: graph.values.filter((value) => ahead.has(value)),
      inputs: graph.inputs.filter((value) => ahead.has(value)),
      outputs: new Map(moved.filter((value) => isMoved.has(value)).map((value) => [nameOf(value), value])),
    },
  };
}

/** The operations of a graph, without inputs and constants. */
export function operationsOf(graph: Graph): ReadonlySet<OpName> {
  return new Set(
    graph.values.filter((value) => !isOp(value, "input") && !isOp(value, "constant")).map(({ op }) => op),
  );
}

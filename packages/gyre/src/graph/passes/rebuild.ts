import { GraphBuilder } from "../builder.ts";
import { type Graph, isOp, type OpName, type Value } from "../types.ts";

/**
 * Returns what stands in for `value` in the new graph, or undefined to copy it. `inputs` are already new;
 * `moved` finds what any earlier value became.
 */
export type Rewrite = (
  value: Value,
  inputs: readonly Value[],
  builder: GraphBuilder,
  moved: (value: Value) => Value,
) => Value | undefined;

/**
 * Copies a graph into a fresh builder, value by value, letting `rewrite` replace any of them. Dead values are
 * left out and equal ones are merged on the way.
 */
export function rebuild(graph: Graph, rewrite: Rewrite = () => undefined): Graph {
  const builder = new GraphBuilder();
  const moved = new Map<Value, Value>();
  const take = (value: Value) => moved.get(value) as Value;
  for (const value of graph.values) {
    const inputs = value.inputs.map(take);
    moved.set(value, rewrite(value, inputs, builder, take) ?? copy(value, inputs, builder));
  }
  return builder.graph(Object.fromEntries([...graph.outputs].map(([name, value]) => [name, take(value)])));
}

function copy(value: Value, inputs: readonly Value[], builder: GraphBuilder): Value {
  if (isOp(value, "input")) return builder.input(value.attrs.name, value.shape, value.dtype);
  if (isOp(value, "constant")) return builder.constant(value.attrs.data, value.shape, value.dtype);
  return builder.emit(value.op as Exclude<OpName, "input" | "constant">, inputs, value.attrs as never);
}

/** How often each value is read, by other values or as an output. */
export function useCounts(graph: Graph): ReadonlyMap<Value, number> {
  const counts = new Map<Value, number>();
  const read = (value: Value) => counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of graph.values) value.inputs.forEach(read);
  for (const value of graph.outputs.values()) read(value);
  return counts;
}

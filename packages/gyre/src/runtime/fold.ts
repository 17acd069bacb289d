import { rebuild } from "../graph/passes/rebuild.ts";
import { type Graph, isOp, type OpName, type Value } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import type { Tensor } from "../util/tensor.ts";

const foldable: ReadonlySet<OpName> = new Set(["slice", "transpose", "reshape", "concat", "mul"]);

/**
 * Moves bound inputs once, ahead of every run: what the graph cuts, turns, joins or scales of them alone becomes a
 * bound input itself. Returns the new graph with what it is bound to; the others' values are not copied.
 */
export function foldBound(
  graph: Graph,
  bound: ReadonlyMap<string, Tensor>,
): { readonly graph: Graph; readonly bound: ReadonlyMap<string, Tensor> } {
  const fixed = new Set<Value>();
  for (const value of graph.values) {
    const isGiven = isOp(value, "constant") || (isOp(value, "input") && bound.has(value.attrs.name));
    if (isGiven || (foldable.has(value.op) && value.inputs.every((input) => fixed.has(input))))
      fixed.add(value);
  }
  const read = new Set(graph.values.filter((value) => !fixed.has(value)).flatMap((value) => value.inputs));
  for (const value of graph.outputs.values()) read.add(value);
  const folded = [...fixed].filter((value) => read.has(value) && foldable.has(value.op));
  if (folded.length === 0) return { graph, bound };

  const nameOf = (value: Value) => `folded/${value.id}`;
  const outputs = new Map(folded.map((value) => [nameOf(value), value]));
  const moved = interpret({ ...graph, values: [...fixed], outputs }, bound);
  const isFolded = new Set(folded);
  const rest = rebuild(graph, (value, _, builder) =>
    isFolded.has(value) ? builder.input(nameOf(value), value.shape, value.dtype) : undefined,
  );
  const names = new Set(rest.inputs.map(({ attrs }) => attrs.name));
  return { graph: rest, bound: new Map([...bound, ...moved].filter(([name]) => names.has(name))) };
}

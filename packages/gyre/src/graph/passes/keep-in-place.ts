import { sizeOf } from "../../util/tensor.ts";
import type { Graph, OpName, Value } from "../types.ts";
import { rebuild } from "./rebuild.ts";

/** What is first read this many values later can be put off. */
const FAR = 32;
/** Elements from which holding a value, or what it is made from, matters. */
const LARGE = 2 ** 16;
const contracting: ReadonlySet<OpName> = new Set<OpName>(["matmul", "gemm", "reduceSum", "scatterAdd"]);

/**
 * Keeps values in their place. A runtime may put off a weight gradient until its sum is wanted, and must keep
 * the activations and cotangents that it reads until then; here the next product waits for those before it.
 */
export function keepInPlace(graph: Graph): Graph {
  const waits = waitsFor(graph);
  return rebuild(graph, (value, inputs, builder, moved) => {
    const earlier = waits.get(value);
    if (!earlier) return undefined;
    const [first, ...others] = inputs as [Value, ...Value[]];
    const held = builder.emit("after", [first, ...earlier.map(moved)], {});
    return builder.emit(value.op as "matmul", [held, ...others], value.attrs as Value<"matmul">["attrs"]);
  });
}

/** For a product that is read soon: the large values, contractions and results before it that are not. */
function waitsFor({ values, outputs }: Graph): ReadonlyMap<Value, readonly Value[]> {
  const firstRead = new Map<Value, number>();
  for (const [position, { inputs }] of values.entries()) {
    for (const input of inputs) if (!firstRead.has(input)) firstRead.set(input, position);
  }
  const results = new Set(outputs.values());
  const waits = new Map<Value, readonly Value[]>();
  let pending: Value[] = [];
  for (const [position, value] of values.entries()) {
    const isSmall = !contracting.has(value.op) && sizeOf(value.shape) < LARGE && !results.has(value);
    if (isSmall || value.inputs.length === 0) continue;
    const distance = (firstRead.get(value) ?? Number.POSITIVE_INFINITY) - position;
    if (distance > FAR) pending.push(value);
    else if (pending.length > 0 && (value.op === "matmul" || value.op === "gemm")) {
      waits.set(value, pending);
      pending = [];
    }
  }
  return waits;
}

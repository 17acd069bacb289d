import { sizeOf } from "../../util/tensor.ts";
import { matmul, swapLast } from "../ops.ts";
import { type Graph, isOp, type Value } from "../types.ts";
import { rebuild, useCounts } from "./rebuild.ts";

/**
 * Lowers matrix products to what a plain runtime has: a sum with a matrix product becomes one Gemm that
 * accumulates into its C operand, and batched products get explicit transposes of their smaller operand.
 */
export function lower(graph: Graph): Graph {
  return batchedTransposes(accumulate(graph));
}

function accumulate(graph: Graph): Graph {
  const uses = useCounts(graph);
  const isProduct = (value: Value | undefined): value is Value<"matmul"> =>
    value !== undefined && isOp(value, "matmul") && value.shape.length === 2 && uses.get(value) === 1;
  return rebuild(graph, (value, inputs, builder) => {
    if (value.op !== "add" || value.shape.length !== 2) return undefined;
    const fits = (side: number) => sizeOf((value.inputs[side] as Value).shape) === sizeOf(value.shape);
    const side = [1, 0].find((index) => isProduct(value.inputs[index]) && fits(index));
    if (side === undefined) return undefined;
    const product = inputs[side] as Value<"matmul">;
    const [a, b] = product.inputs as [Value, Value];
    return builder.emit("gemm", [a, b, inputs[1 - side] as Value], product.attrs);
  });
}

function batchedTransposes(graph: Graph): Graph {
  return rebuild(graph, (value, inputs) => {
    if (!isOp(value, "matmul") || value.shape.length === 2) return undefined;
    const [a, b] = inputs as [Value, Value];
    const { transA, transB } = value.attrs;
    if (!transA && !transB) return undefined;
    const out = sizeOf(value.shape);
    const direct = (transA ? sizeOf(a.shape) : 0) + (transB ? sizeOf(b.shape) : 0);
    const swapped = (transA ? 0 : sizeOf(a.shape)) + (transB ? 0 : sizeOf(b.shape)) + out;
    if (direct <= swapped) return matmul(transA ? swapLast(a) : a, transB ? swapLast(b) : b);
    return swapLast(matmul(transB ? b : swapLast(b), transA ? a : swapLast(a)));
  });
}

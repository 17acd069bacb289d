import { sizeOf } from "../../util/tensor.ts";
import { matmul, mul, slice, swapLast } from "../ops.ts";
import { type Graph, isOp, type Value } from "../types.ts";
import { rebuild, useCounts } from "./rebuild.ts";
import { scaled } from "./simplify.ts";

/** How fused operations are written in plain ones. */
export interface LowerOptions {
  /** Leave a transposed right operand of a batched product to the runtime, which must have one for it. */
  readonly keepTransB?: boolean;
  /** Several threads share the work of one operation: what one of them would do alone is written otherwise. */
  readonly parallel?: boolean;
}

/** Elements up to which a Gemm's C costs less than a sum of its own: one thread copies it, and the others wait. */
const SMALL_C = 2 ** 14;

/**
 * Lowers matrix products to what a plain runtime has: scalings move into the products around them, a sum with
 * a matrix product becomes one Gemm that accumulates into its C operand, and batched products get explicit
 * transposes of their smaller operand.
 */
export function lower(graph: Graph, options: LowerOptions = {}): Graph {
  return batchedTransposes(accumulate(scaleOutputs(scaleOperands(graph)), options), options);
}

const isMatrixProduct = (value: Value): value is Value<"matmul"> =>
  isOp(value, "matmul") && value.shape.length === 2;

/** (c a) b = c (a b), where c a is read by matrix products alone. */
function scaleOperands(graph: Graph): Graph {
  const others = new Set(graph.outputs.values());
  for (const value of graph.values) {
    if (!isMatrixProduct(value)) for (const input of value.inputs) others.add(input);
  }
  return rebuild(graph, (value, inputs) => {
    if (!isMatrixProduct(value)) return undefined;
    const factors = value.inputs.map((input, index) =>
      others.has(input) ? undefined : scaled(inputs[index] as Value),
    );
    const [a, b] = inputs.map((input, index) => factors[index]?.x ?? input) as [Value, Value];
    const alpha = factors.reduce((product, part) => product * (part?.factor ?? 1), value.attrs.alpha);
    return matmul(a, b, { ...value.attrs, alpha });
  });
}

/** (a b) c = c (a b), where a b is read once. */
function scaleOutputs(graph: Graph): Graph {
  const uses = useCounts(graph);
  return rebuild(graph, (value, inputs) => {
    const product = value.inputs[0];
    if (value.op !== "mul" || !product || !isMatrixProduct(product) || uses.get(product) !== 1)
      return undefined;
    const found = scaled(value);
    const [a, b] = (inputs[0] as Value).inputs as [Value, Value];
    return found && matmul(a, b, { ...product.attrs, alpha: product.attrs.alpha * found.factor });
  });
}

function accumulate(graph: Graph, { parallel = false }: LowerOptions): Graph {
  const most = parallel ? SMALL_C : Number.POSITIVE_INFINITY;
  const uses = useCounts(graph);
  const isProduct = (value: Value | undefined): value is Value<"matmul"> =>
    value !== undefined && isMatrixProduct(value) && uses.get(value) === 1;
  return rebuild(graph, (value, inputs, builder) => {
    if (value.op !== "add" || value.shape.length !== 2 || sizeOf(value.shape) > most) return undefined;
    const fits = (side: number) => sizeOf((value.inputs[side] as Value).shape) === sizeOf(value.shape);
    const side = [1, 0].find((index) => isProduct(value.inputs[index]) && fits(index));
    if (side === undefined) return undefined;
    const product = inputs[side] as Value<"matmul">;
    const [a, b] = product.inputs as [Value, Value];
    return builder.emit("gemm", [a, b, inputs[1 - side] as Value], product.attrs);
  });
}

function batchedTransposes(graph: Graph, { keepTransB = false }: LowerOptions): Graph {
  return rebuild(graph, (value, inputs) => {
    if (!isOp(value, "matmul") || value.shape.length === 2) return undefined;
    const { transA, transB, alpha } = value.attrs;
    const isPlain = !transA && (!transB || keepTransB);
    if (isPlain && alpha === 1) return undefined;
    const [a, b] = inputs as [Value, Value];
    const product = isPlain ? matmul(a, b, { transB }) : transposed(a, b, value);
    return mul(product, alpha);
  });
}

/** The product of a batch with explicit transposes, of its operands or, where that moves less, of its result. */
function transposed(a: Value, b: Value, { shape, attrs: { transA, transB } }: Value<"matmul">): Value {
  const direct = (transA ? sizeOf(a.shape) : 0) + (transB ? sizeOf(b.shape) : 0);
  const swapped = (transA ? 0 : sizeOf(a.shape)) + (transB ? 0 : sizeOf(b.shape)) + sizeOf(shape);
  if (direct <= swapped) return matmul(transA ? swapAxes(a) : a, transB ? swapAxes(b) : b);
  return swapLast(matmul(transB ? b : swapAxes(b), transA ? a : swapAxes(a)));
}

/** The last two axes of a part swapped, as a part of the whole with its last two axes swapped: made once for all parts. */
function swapAxes(value: Value): Value {
  if (!isOp(value, "slice")) return swapLast(value);
  const { axis, start, end } = value.attrs;
  const rank = value.shape.length;
  const moved = axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis;
  return slice(swapAxes(value.inputs[0] as Value), moved, start, end);
}

import type { OpAttrs, OpName, Shape } from "../graph/types.ts";
import { sizeOf, stridesOf, type Tensor } from "../util/tensor.ts";
import { indexOutOfRange } from "./errors.ts";
import { erf } from "./special.ts";
import { broadcastStrides, offsets } from "./views.ts";

type Kernel<Op extends OpName> = (
  inputs: readonly Tensor[],
  attrs: OpAttrs[Op],
  shape: Shape,
) => Tensor["data"];

/** Operations with a meaning of their own; leaves have none and fused ones are expanded first. */
export type PlainOp = Exclude<
  OpName,
  | "input"
  | "constant"
  | "gelu"
  | "geluGrad"
  | "rmsNorm"
  | "causalAttention"
  | "causalAttentionGrad"
  | "linearCrossEntropy"
  | "linearCrossEntropyGrad"
>;

const at = (tensor: Tensor, index: number): number => tensor.data[index] as number;
const first = (inputs: readonly Tensor[]) => inputs[0] as Tensor;
const second = (inputs: readonly Tensor[]) => inputs[1] as Tensor;

const unary =
  (apply: (x: number) => number): Kernel<OpName> =>
  (inputs) =>
    Float64Array.from(first(inputs).data, apply);

const binary =
  (apply: (a: number, b: number) => number): Kernel<OpName> =>
  (inputs, _, shape) => {
    const [a, b] = [first(inputs), second(inputs)];
    const left = offsets(shape, broadcastStrides(a.shape, shape));
    const right = offsets(shape, broadcastStrides(b.shape, shape));
    return Float64Array.from(left, (offset, index) => apply(at(a, offset), at(b, right[index] as number)));
  };

/** Reads `x` through a view: the elements at `from`, in order. */
function read(x: Tensor, from: Int32Array): Tensor["data"] {
  return x.data instanceof Int32Array
    ? Int32Array.from(from, (offset) => at(x, offset))
    : Float64Array.from(from, (offset) => at(x, offset));
}

function matmul(inputs: readonly Tensor[], attrs: OpAttrs["matmul"], shape: Shape): Float64Array {
  const [a, b] = [first(inputs), second(inputs)];
  const [rows, columns] = shape.slice(-2) as [number, number];
  const inner = a.shape.at(attrs.transA ? -2 : -1) as number;
  const [aRow, aInner] = attrs.transA ? [1, rows] : [inner, 1];
  const [bInner, bColumn] = attrs.transB ? [1, inner] : [columns, 1];
  const out = new Float64Array(sizeOf(shape));
  for (let start = 0, batch = 0; start < out.length; start += rows * columns, batch++) {
    const aStart = batch * rows * inner;
    const bStart = batch * inner * columns;
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < inner; k++) {
        const factor = attrs.alpha * at(a, aStart + row * aRow + k * aInner);
        const from = bStart + k * bInner;
        const to = start + row * columns;
        for (let column = 0; column < columns; column++)
          out[to + column] = (out[to + column] as number) + factor * at(b, from + column * bColumn);
      }
    }
  }
  return out;
}

/** Calls `visit` with every row of the last axis as [start, end). */
function lastAxis(x: Tensor, visit: (row: Float64Array, start: number) => void): Float64Array {
  const size = x.shape.at(-1) as number;
  const out = Float64Array.from(x.data);
  for (let start = 0; start < out.length; start += size) visit(out.subarray(start, start + size), start);
  return out;
}

function logSumExp(row: Float64Array): number {
  const highest = row.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY);
  return highest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}

function checkedIndex(op: string, ids: Tensor, position: number, size: number): number {
  const index = at(ids, position);
  if (!(Number.isInteger(index) && index >= 0 && index < size)) throw indexOutOfRange(op, index, size);
  return index;
}

function startOf(shape: Shape, axis: number, start: number): number {
  return start * (stridesOf(shape)[axis] as number);
}

/** What each plain operation computes, in float64; total over the operations. */
export const kernels: { readonly [Op in PlainOp]: Kernel<Op> } = {
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  erf: unary(erf),
  tanh: unary(Math.tanh),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  relu: unary((x) => Math.max(0, x)),
  step: unary((x) => (x > 0 ? 1 : 0)),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  matmul,
  gemm(inputs, attrs, shape) {
    const out = matmul(inputs, attrs, shape);
    const c = inputs[2] as Tensor;
    for (const [index, offset] of offsets(shape, broadcastStrides(c.shape, shape)).entries())
      out[index] = (out[index] as number) + at(c, offset);
    return out;
  },
  reduceSum(inputs, _, shape) {
    const x = first(inputs);
    const out = new Float64Array(sizeOf(shape));
    for (const [index, offset] of offsets(x.shape, broadcastStrides(shape, x.shape)).entries())
      out[offset] = (out[offset] as number) + at(x, index);
    return out;
  },
  softmax: (inputs) =>
    lastAxis(first(inputs), (row) => {
      const total = logSumExp(row);
      for (const [index, value] of row.entries()) row[index] = Math.exp(value - total);
    }),
  logSoftmax: (inputs) =>
    lastAxis(first(inputs), (row) => {
      const total = logSumExp(row);
      for (const [index, value] of row.entries()) row[index] = value - total;
    }),
  reshape: (inputs) => first(inputs).data,
  transpose(inputs, { perm }, shape) {
    const strides = stridesOf(first(inputs).shape);
    const view = offsets(
      shape,
      perm.map((axis) => strides[axis] as number),
    );
    return read(first(inputs), view);
  },
  broadcastTo: (inputs, _, shape) =>
    read(first(inputs), offsets(shape, broadcastStrides(first(inputs).shape, shape))),
  slice(inputs, { axis, start }, shape) {
    const from = first(inputs).shape;
    return read(first(inputs), offsets(shape, stridesOf(from), startOf(from, axis, start)));
  },
  pad(inputs, { axis, before }, shape) {
    const x = first(inputs);
    const out = new Float64Array(sizeOf(shape));
    const places = offsets(x.shape, stridesOf(shape), startOf(shape, axis, before));
    for (const [index, offset] of places.entries()) out[offset] = at(x, index);
    return out;
  },
  concat(inputs, { axis }, shape) {
    const out = new Float64Array(sizeOf(shape));
    let start = 0;
    for (const part of inputs) {
      const places = offsets(part.shape, stridesOf(shape), startOf(shape, axis, start));
      for (const [index, offset] of places.entries()) out[offset] = at(part, index);
      start += part.shape[axis] as number;
    }
    return out;
  },
  gather(inputs, _, shape) {
    const [table, ids] = [first(inputs), second(inputs)];
    const [rows, width] = table.shape as [number, number];
    return Float64Array.from({ length: sizeOf(shape) }, (_unused, index) =>
      at(table, checkedIndex("gather", ids, Math.floor(index / width), rows) * width + (index % width)),
    );
  },
  scatterAdd(inputs, { rows }, shape) {
    const [updates, ids] = [first(inputs), second(inputs)];
    const width = shape[1] as number;
    const out = new Float64Array(sizeOf(shape));
    for (let index = 0; index < updates.data.length; index++) {
      const to = checkedIndex("scatterAdd", ids, Math.floor(index / width), rows) * width + (index % width);
      out[to] = (out[to] as number) + at(updates, index);
    }
    return out;
  },
  pick(inputs, _, shape) {
    const [x, ids] = [first(inputs), second(inputs)];
    const size = x.shape.at(-1) as number;
    return Float64Array.from({ length: sizeOf(shape) }, (_unused, row) =>
      at(x, row * size + checkedIndex("pick", ids, row, size)),
    );
  },
  addAt(inputs, _, shape) {
    const [x, values, ids] = inputs as [Tensor, Tensor, Tensor];
    const size = shape.at(-1) as number;
    const out = Float64Array.from(x.data);
    for (let row = 0; row < values.data.length; row++) {
      const to = row * size + checkedIndex("addAt", ids, row, size);
      out[to] = (out[to] as number) + at(values, row);
    }
    return out;
  },
  stopGradient: (inputs) => first(inputs).data,
  after: (inputs) => first(inputs).data,
};

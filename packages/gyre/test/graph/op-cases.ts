import type { GraphBuilder } from "../../src/graph/builder.ts";
import {
  add,
  addAt,
  after,
  broadcastTo,
  causalAttention,
  concat,
  cos,
  div,
  erf,
  exp,
  gather,
  gelu,
  linearCrossEntropy,
  log,
  logSoftmax,
  matmul,
  mul,
  neg,
  pad,
  pick,
  reciprocal,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  scatterAdd,
  sigmoid,
  sin,
  slice,
  softmax,
  sqrt,
  step,
  stopGradient,
  sub,
  tanh,
  transpose,
} from "../../src/graph/ops.ts";
import type { OpName, Value } from "../../src/graph/types.ts";
import { rng } from "../../src/util/rng.ts";
import { sizeOf, type Tensor } from "../../src/util/tensor.ts";
import * as reference from "./reference.ts";

/** One use of an operation: its inputs, how it is built, and what it must give by hand or by a naive formula. */
export interface OpCase {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly build: (inputs: Record<string, Value>, builder: GraphBuilder) => Value;
  readonly expected: readonly number[];
}

export const floats = (shape: readonly number[], ...data: number[]): Tensor<Float64Array> => ({
  data: Float64Array.from(data),
  shape,
});
export const ints = (shape: readonly number[], ...data: number[]): Tensor<Int32Array> => ({
  data: Int32Array.from(data),
  shape,
});
/** Reproducible values away from zero, where relu and step have their kinks. */
export function drawn(shape: readonly number[], seed: number): Tensor<Float64Array> {
  const random = rng(seed, "case");
  const draw = () => {
    const value = 2 * random.uniform() - 1;
    return value + Math.sign(value) * 0.05;
  };
  return { data: Float64Array.from({ length: sizeOf(shape) }, draw), shape };
}

const get = (inputs: Record<string, Value>, name: string) => inputs[name] as Value;
const unary = (op: (x: Value) => Value, x: readonly number[], expected: readonly number[]): OpCase => ({
  inputs: { x: floats([x.length], ...x) },
  build: (inputs) => op(get(inputs, "x")),
  expected,
});
const binary = (op: (a: Value, b: Value) => Value, expected: readonly number[]): OpCase => ({
  inputs: { a: floats([2, 3], 1, -2, 3, 4, 5, -6), b: floats([2, 1], 2, -4) },
  build: (inputs) => op(get(inputs, "a"), get(inputs, "b")),
  expected,
});

const q = drawn([2, 2, 5, 3], 1);
const k = drawn([2, 2, 5, 3], 2);
const v = drawn([2, 2, 5, 3], 3);
const dy = drawn([2, 2, 5, 3], 4);
const attention = (of?: "q" | "k" | "v", tile = 2): OpCase => {
  const result = reference.attention(q, k, v);
  const inputs = { q, k, v };
  if (!of) {
    return {
      inputs,
      build: (i) => causalAttention(get(i, "q"), get(i, "k"), get(i, "v"), tile),
      expected: result,
    };
  }
  const out = { data: Float64Array.from(result), shape: q.shape };
  return {
    inputs: { ...inputs, out, dy },
    build: (i, builder) =>
      builder.emit(
        "causalAttentionGrad",
        ["q", "k", "v", "out", "dy"].map((name) => get(i, name)),
        { tile, of },
      ),
    expected: reference.attentionGradient(q, k, v, dy, of),
  };
};

const x = drawn([5, 3], 5);
const w = drawn([4, 3], 6);
const targets = ints([5], 0, 3, 1, 3, 2);
const g = drawn([5], 7);
const crossEntropyGrad = (of: "x" | "w"): OpCase => ({
  inputs: { x, w, targets, g },
  build: (i, builder) =>
    builder.emit(
      "linearCrossEntropyGrad",
      ["x", "w", "targets", "g"].map((name) => get(i, name)),
      { rows: 2, of },
    ),
  expected: reference.crossEntropyGradient(x, w, targets, g, of),
});
const norms = drawn([2, 4], 8);
const phi = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/** Every operation at least once. erf values: DLMF table 7.1 and NIST; normal distribution values follow from them. */
export const opCases: { readonly [Op in OpName]: readonly [OpCase, ...OpCase[]] } = {
  input: [unary((value) => value, [1, -2], [1, -2])],
  constant: [{ inputs: {}, build: (_, builder) => builder.constant([3, -1.5], [2]), expected: [3, -1.5] }],
  neg: [unary(neg, [1, -2], [-1, 2])],
  exp: [unary(exp, [0, 1, -1], [1, Math.E, 1 / Math.E])],
  log: [unary(log, [1, Math.E, 4], [0, 1, 2 * Math.LN2])],
  sqrt: [unary(sqrt, [4, 2.25], [2, 1.5])],
  reciprocal: [unary(reciprocal, [4, -0.5], [0.25, -2])],
  erf: [unary(erf, [0, 0.5, -1, 2], [0, 0.5204998778130465, -0.8427007929497149, 0.9953222650189527])],
  tanh: [unary(tanh, [0, 0.5 * Math.LN2, -Math.LN2], [0, 1 / 3, -0.6])],
  sigmoid: [unary(sigmoid, [0, Math.log(3), -Math.log(3)], [0.5, 0.75, 0.25])],
  relu: [unary(relu, [2, -3, 0.5], [2, 0, 0.5])],
  step: [unary(step, [2, -3, 0.5], [1, 0, 1])],
  sin: [unary(sin, [0, Math.PI / 6, -Math.PI / 2], [0, 0.5, -1])],
  cos: [unary(cos, [0, Math.PI / 3, Math.PI], [1, 0.5, -1])],
  add: [binary(add, [3, 0, 5, 0, 1, -10])],
  sub: [binary(sub, [-1, -4, 1, 8, 9, -2])],
  mul: [
    binary(mul, [2, -4, 6, -16, -20, 24]),
    {
      inputs: { x: floats([3, 1], 2, -3, 0.5) },
      build: (i) => sub(1, mul(get(i, "x"), 3)),
      expected: [-5, 10, -0.5],
    },
  ],
  div: [binary(div, [0.5, -1, 1.5, -1, -1.25, 1.5])],
  matmul: [
    {
      inputs: { a: floats([2, 3], 1, 2, 3, 4, 5, 6), b: floats([3, 2], 1, 0, 2, -1, 0, 1) },
      build: (i) => matmul(get(i, "a"), get(i, "b"), { alpha: 2 }),
      expected: [10, 2, 28, 2],
    },
    {
      inputs: { a: floats([2, 1, 2], 1, 2, 3, 4), b: floats([2, 1, 2], 5, 6, 7, 8) },
      build: (i) => matmul(get(i, "a"), get(i, "b"), { transA: true }),
      expected: [5, 6, 10, 12, 21, 24, 28, 32],
    },
    {
      inputs: { a: floats([2, 1, 2], 1, 2, 3, 4), b: floats([2, 1, 2], 5, 6, 7, 8) },
      build: (i) => matmul(get(i, "a"), get(i, "b"), { transB: true }),
      expected: [17, 53],
    },
    {
      inputs: { a: floats([2, 1, 2], 1, 2, 3, 4), b: floats([2, 1, 2], 5, 6, 7, 8) },
      build: (i) => matmul(get(i, "a"), get(i, "b"), { transA: true, alpha: 0.5 }),
      expected: [2.5, 3, 5, 6, 10.5, 12, 14, 16],
    },
    {
      inputs: { a: floats([2, 2], 1, 2, 3, 4), b: floats([1, 2], 5, 6) },
      build: (i) => matmul(get(i, "a"), get(i, "b"), { transA: true, transB: true }),
      expected: [23, 34],
    },
  ],
  gemm: [
    {
      inputs: { a: floats([1, 2], 1, 2), b: floats([3, 2], 1, 0, 0, 1, 1, 1), c: floats([3], 10, 20, 30) },
      build: (i, builder) =>
        builder.emit(
          "gemm",
          ["a", "b", "c"].map((name) => get(i, name)),
          { transA: false, transB: true, alpha: 3 },
        ),
      expected: [13, 26, 39],
    },
  ],
  reduceSum: [
    {
      inputs: { x: floats([2, 3], 1, 2, 3, 4, 5, 6) },
      build: (i) => reduceSum(get(i, "x"), [0]),
      expected: [5, 7, 9],
    },
  ],
  softmax: [unary(softmax, [0, Math.log(3), 0], [0.2, 0.6, 0.2])],
  logSoftmax: [unary(logSoftmax, [0, Math.log(3), 0], [0.2, 0.6, 0.2].map(Math.log))],
  reshape: [
    {
      inputs: { x: floats([2, 3], 1, 2, 3, 4, 5, 6) },
      build: (i) => reshape(get(i, "x"), [3, -1]),
      expected: [1, 2, 3, 4, 5, 6],
    },
  ],
  transpose: [
    {
      inputs: { x: floats([1, 2, 3], 1, 2, 3, 4, 5, 6) },
      build: (i) => transpose(get(i, "x"), [2, 0, 1]),
      expected: [1, 4, 2, 5, 3, 6],
    },
  ],
  broadcastTo: [
    {
      inputs: { x: floats([2, 1], 1, 2) },
      build: (i) => broadcastTo(get(i, "x"), [2, 2, 2]),
      expected: [1, 1, 2, 2, 1, 1, 2, 2],
    },
  ],
  slice: [
    {
      inputs: { x: floats([2, 3], 1, 2, 3, 4, 5, 6) },
      build: (i) => slice(get(i, "x"), 1, 1, 3),
      expected: [2, 3, 5, 6],
    },
  ],
  pad: [
    {
      inputs: { x: floats([2, 1], 1, 2) },
      build: (i) => pad(get(i, "x"), 1, 1, 2),
      expected: [0, 1, 0, 0, 0, 2, 0, 0],
    },
  ],
  concat: [
    {
      inputs: { a: floats([2, 1], 1, 2), b: floats([2, 2], 3, 4, 5, 6) },
      build: (i) => concat([get(i, "a"), get(i, "b")], 1),
      expected: [1, 3, 4, 2, 5, 6],
    },
  ],
  gather: [
    {
      inputs: { table: floats([3, 2], 1, 2, 3, 4, 5, 6), ids: ints([2, 2], 2, 0, 2, 1) },
      build: (i) => gather(get(i, "table"), get(i, "ids")),
      expected: [5, 6, 1, 2, 5, 6, 3, 4],
    },
  ],
  scatterAdd: [
    {
      inputs: { updates: floats([3, 2], 1, 2, 3, 4, 5, 6), ids: ints([3], 1, 1, 0) },
      build: (i) => scatterAdd(get(i, "updates"), get(i, "ids"), 3),
      expected: [5, 6, 4, 6, 0, 0],
    },
  ],
  pick: [
    {
      inputs: { x: floats([2, 3], 1, 2, 3, 4, 5, 6), ids: ints([2], 2, 0) },
      build: (i) => pick(get(i, "x"), get(i, "ids")),
      expected: [3, 4],
    },
  ],
  addAt: [
    {
      inputs: { x: floats([2, 3], 1, 2, 3, 4, 5, 6), values: floats([2], 10, -1), ids: ints([2], 2, 0) },
      build: (i) => addAt(get(i, "x"), get(i, "values"), get(i, "ids")),
      expected: [1, 2, 13, 3, 5, 6],
    },
  ],
  gelu: [
    unary(
      gelu,
      [0, Math.SQRT2, -2 * Math.SQRT2],
      [0, (Math.SQRT2 * (1 + 0.8427007929497149)) / 2, -Math.SQRT2 * (1 - 0.9953222650189527)],
    ),
  ],
  geluGrad: [
    unary(
      (value) => value.builder.emit("geluGrad", [value], {}),
      [0, Math.SQRT2, -2 * Math.SQRT2],
      [
        0.5,
        (1 + 0.8427007929497149) / 2 + Math.SQRT2 * phi(Math.SQRT2),
        (1 - 0.9953222650189527) / 2 - 2 * Math.SQRT2 * phi(2 * Math.SQRT2),
      ],
    ),
  ],
  rmsNorm: [
    {
      inputs: { x: floats([2, 2], 3, 4, 0, 0) },
      build: (i) => rmsNorm(get(i, "x"), 12.5),
      expected: [0.6, 0.8, 0, 0],
    },
    {
      inputs: { x: norms },
      build: (i) => rmsNorm(get(i, "x"), 1e-3),
      expected: reference.rmsNorm(norms, 1e-3),
    },
  ],
  causalAttention: [attention(), attention(undefined, 5), attention(undefined, 1)],
  causalAttentionGrad: [attention("q"), attention("k"), attention("v"), attention("k", 5)],
  linearCrossEntropy: [
    {
      inputs: { x, w, targets },
      build: (i) => linearCrossEntropy(get(i, "x"), get(i, "w"), get(i, "targets"), 2),
      expected: reference.crossEntropy(x, w, targets),
    },
  ],
  linearCrossEntropyGrad: [crossEntropyGrad("x"), crossEntropyGrad("w")],
  stopGradient: [unary(stopGradient, [1, -2], [1, -2])],
  after: [
    {
      inputs: { x: floats([2], 1, 2), earlier: floats([3], 7, 8, 9) },
      build: (i) => after(get(i, "x"), get(i, "earlier"), neg(get(i, "earlier"))),
      expected: [1, 2],
    },
  ],
};

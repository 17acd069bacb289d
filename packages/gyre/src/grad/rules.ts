import {
  addAt,
  broadcastTo,
  cos,
  div,
  exp,
  gather,
  matmul,
  mul,
  neg,
  pad,
  pick,
  reduceSum,
  reshape,
  scatterAdd,
  sin,
  slice,
  step,
  sub,
  transpose,
} from "../graph/ops.ts";
import { inverseRms } from "../graph/passes/expand.ts";
import type { OpAttrs, OpName, Shape, Value } from "../graph/types.ts";
import { notDifferentiable } from "./errors.ts";

interface Node<Op extends OpName> {
  readonly inputs: readonly Value[];
  readonly attrs: OpAttrs[Op];
  readonly out: Value;
}

/** Cotangents of the inputs, given the cotangent `dy` of the output; undefined where none flows. */
export type VjpRule<Op extends OpName> = (dy: Value, node: Node<Op>) => readonly (Value | undefined)[];

const none = () => [];
const undefinedRule = (op: string) => () => {
  throw notDifferentiable(op);
};

/** dy summed over the axes along which an operand of `shape` was broadcast. */
function unbroadcast(dy: Value, shape: Shape): Value {
  const extra = dy.shape.length - shape.length;
  const axes = dy.shape.flatMap((dim, axis) =>
    axis < extra || (shape[axis - extra] === 1 && dim > 1) ? [axis] : [],
  );
  return reshape(axes.length > 0 ? reduceSum(dy, axes) : dy, shape);
}

type Unary = { readonly x: Value; readonly y: Value; readonly dy: Value };
const unary =
  (rule: (parts: Unary) => Value) =>
  (dy: Value, { inputs: [x], out }: Node<OpName>) => [rule({ x: x as Value, y: out, dy })];

type Binary = { readonly a: Value; readonly b: Value; readonly dy: Value; readonly y: Value };
const binary =
  (left: (parts: Binary) => Value, right: (parts: Binary) => Value) =>
  (dy: Value, { inputs, out }: Node<OpName>) => {
    const [a, b] = inputs as [Value, Value];
    const parts = { a, b, dy, y: out };
    return [unbroadcast(left(parts), a.shape), unbroadcast(right(parts), b.shape)];
  };

/** The whole of reverse mode: one rule for each operation; a missing rule does not compile. */
export const rules: { readonly [Op in OpName]: VjpRule<Op> } = {
  input: none,
  constant: none,
  neg: unary(({ dy }) => neg(dy)),
  exp: unary(({ dy, y }) => mul(dy, y)),
  log: unary(({ dy, x }) => div(dy, x)),
  sqrt: unary(({ dy, y }) => div(mul(dy, 0.5), y)),
  reciprocal: unary(({ dy, y }) => neg(mul(dy, mul(y, y)))),
  erf: unary(({ dy, x }) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  tanh: unary(({ dy, y }) => mul(dy, sub(1, mul(y, y)))),
  sigmoid: unary(({ dy, y }) => mul(dy, mul(y, sub(1, y)))),
  relu: unary(({ dy, x }) => mul(dy, step(x))),
  step: () => [undefined],
  sin: unary(({ dy, x }) => mul(dy, cos(x))),
  cos: unary(({ dy, x }) => neg(mul(dy, sin(x)))),
  add: binary(
    ({ dy }) => dy,
    ({ dy }) => dy,
  ),
  sub: binary(
    ({ dy }) => dy,
    ({ dy }) => neg(dy),
  ),
  mul: binary(
    ({ dy, b }) => mul(dy, b),
    ({ dy, a }) => mul(dy, a),
  ),
  div: binary(
    ({ dy, b }) => div(dy, b),
    ({ dy, b, y }) => neg(div(mul(dy, y), b)),
  ),
  matmul(dy, { inputs, attrs: { transA, transB, alpha } }) {
    const [a, b] = inputs as [Value, Value];
    return [
      transA
        ? matmul(b, dy, { transA: transB, transB: true, alpha })
        : matmul(dy, b, { transB: !transB, alpha }),
      transB
        ? matmul(dy, a, { transA: true, transB: transA, alpha })
        : matmul(a, dy, { transA: !transA, alpha }),
    ];
  },
  gemm: undefinedRule("gemm"),
  reduceSum: (dy, { inputs: [x] }) => [broadcastTo(dy, (x as Value).shape)],
  softmax: unary(({ dy, y }) => mul(y, sub(dy, reduceSum(mul(dy, y), [y.shape.length - 1])))),
  logSoftmax: unary(({ dy, y }) => sub(dy, mul(exp(y), reduceSum(dy, [y.shape.length - 1])))),
  reshape: (dy, { inputs: [x] }) => [reshape(dy, (x as Value).shape)],
  transpose: (dy, { attrs: { perm } }) => [
    transpose(
      dy,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ],
  broadcastTo: (dy, { inputs: [x] }) => [unbroadcast(dy, (x as Value).shape)],
  slice(dy, { inputs: [x], attrs: { axis, start, end } }) {
    return [pad(dy, axis, start, ((x as Value).shape[axis] as number) - end)];
  },
  pad(dy, { inputs: [x], attrs: { axis, before } }) {
    return [slice(dy, axis, before, before + ((x as Value).shape[axis] as number))];
  },
  concat(dy, { inputs, attrs: { axis } }) {
    let start = 0;
    return inputs.map((part) => {
      const end = start + (part.shape[axis] as number);
      const piece = slice(dy, axis, start, end);
      start = end;
      return piece;
    });
  },
  gather: (dy, { inputs: [table, ids] }) => [
    scatterAdd(dy, ids as Value, (table as Value).shape[0] as number),
    undefined,
  ],
  scatterAdd: (dy, { inputs: [, ids] }) => [gather(dy, ids as Value), undefined],
  pick: (dy, { inputs: [x, ids] }) => [
    addAt(broadcastTo(dy.builder.scalar(0), (x as Value).shape), dy, ids as Value),
    undefined,
  ],
  addAt: (dy, { inputs: [, , ids] }) => [dy, pick(dy, ids as Value), undefined],
  gelu: unary(({ dy, x }) => mul(dy, x.builder.emit("geluGrad", [x], {}))),
  geluGrad: undefinedRule("geluGrad"),
  rmsNorm(dy, { inputs, attrs: { epsilon }, out: y }) {
    const x = inputs[0] as Value;
    const last = x.shape.length - 1;
    const projection = mul(reduceSum(mul(dy, y), [last]), 1 / (x.shape[last] as number));
    return [mul(sub(dy, mul(y, projection)), inverseRms(x, epsilon))];
  },
  causalAttention(dy, { inputs, attrs: { tile }, out }) {
    const grad = (of: "q" | "k" | "v") =>
      dy.builder.emit("causalAttentionGrad", [...inputs, out, dy], { tile, of });
    return [grad("q"), grad("k"), grad("v")];
  },
  causalAttentionGrad: undefinedRule("causalAttentionGrad"),
  linearCrossEntropy(dy, { inputs, attrs: { rows } }) {
    const grad = (of: "x" | "w") => dy.builder.emit("linearCrossEntropyGrad", [...inputs, dy], { rows, of });
    return [grad("x"), grad("w"), undefined];
  },
  linearCrossEntropyGrad: undefinedRule("linearCrossEntropyGrad"),
  stopGradient: () => [undefined],
  after: (dy) => [dy, undefined],
};

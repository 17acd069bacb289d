import { sizeOf } from "../util/tensor.ts";
import { badAttribute, badDType, shapeMismatch } from "./errors.ts";
import type { DType, OpAttrs, OpName, Shape } from "./types.ts";

export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

type Infer<Op extends OpName> = (inputs: readonly ValueType[], attrs: OpAttrs[Op], op: Op) => ValueType;
type ComputedOp = Exclude<OpName, "input" | "constant">;

/** The common shape of two operands under NumPy broadcasting; throws GRAPH_SHAPE naming `op` and both. */
function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw shapeMismatch(op, [a, b], "shapes that broadcast together");
    return x === 1 ? y : x;
  });
}

function operand(inputs: readonly ValueType[], index: number, op: string, dtype: DType): Shape {
  const input = inputs[index];
  if (!input)
    throw shapeMismatch(
      op,
      inputs.map((i) => i.shape),
      `at least ${index + 1} operands`,
    );
  if (input.dtype !== dtype) throw badDType(op, index, input.dtype, dtype);
  return input.shape;
}

const float = (shape: Shape): ValueType => ({ dtype: "float", shape });

function unary(inputs: readonly ValueType[], _: unknown, op: string): ValueType {
  return float(operand(inputs, 0, op, "float"));
}

function binary(inputs: readonly ValueType[], _: unknown, op: string): ValueType {
  return float(broadcastShapes(op, operand(inputs, 0, op, "float"), operand(inputs, 1, op, "float")));
}

function matmul(
  inputs: readonly ValueType[],
  { transA, transB }: OpAttrs["matmul"],
  op: string,
): ValueType & { rank: number } {
  const a = operand(inputs, 0, op, "float");
  const b = operand(inputs, 1, op, "float");
  const rank = a.length;
  const batch = a.slice(0, -2);
  const [m, inner] = transA ? [a.at(-1), a.at(-2)] : [a.at(-2), a.at(-1)];
  const [other, n] = transB ? [b.at(-1), b.at(-2)] : [b.at(-2), b.at(-1)];
  const sameBatch = b.length === rank && batch.every((dim, axis) => dim === b[axis]);
  if (rank < 2 || !sameBatch || inner !== other) {
    const flags = `transA ${transA}, transB ${transB}`;
    throw shapeMismatch(op, [a, b], `equal leading dimensions and equal inner dimensions (${flags})`);
  }
  return { ...float([...batch, m as number, n as number]), rank };
}

function checkAxis(op: string, shape: Shape, axis: number): number {
  const dim = shape[axis];
  if (!Number.isInteger(axis) || dim === undefined) {
    throw badAttribute(op, shape, `axis ${axis}`, `an axis from 0 to ${shape.length - 1}`);
  }
  return dim;
}

function replaceAxis(shape: Shape, axis: number, dim: number): Shape {
  return shape.map((old, index) => (index === axis ? dim : old));
}

function attentionShape(inputs: readonly ValueType[], op: string): Shape {
  const [q, k, v] = [0, 1, 2].map((index) => operand(inputs, index, op, "float")) as [Shape, Shape, Shape];
  const same = [k, v].every((s) => s.length === 4 && s.every((dim, axis) => dim === q[axis]));
  if (q.length !== 4 || !same) {
    throw shapeMismatch(op, [q, k, v], "three equal shapes [batch, heads, tokens, head width]");
  }
  return q;
}

function crossEntropyShapes(inputs: readonly ValueType[], op: string): { x: Shape; w: Shape; n: Shape } {
  const x = operand(inputs, 0, op, "float");
  const w = operand(inputs, 1, op, "float");
  const n = operand(inputs, 2, op, "int");
  if (x.length !== 2 || w.length !== 2 || x[1] !== w[1] || n.length !== 1 || n[0] !== x[0]) {
    throw shapeMismatch(op, [x, w, n], "x [rows, width], w [classes, width] and targets [rows]");
  }
  return { x, w, n };
}

/** The result type of every computed operation; each entry checks its operands and names itself in errors. */
const rules: { readonly [Op in ComputedOp]: Infer<Op> } = {
  neg: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  reciprocal: unary,
  erf: unary,
  tanh: unary,
  sigmoid: unary,
  relu: unary,
  step: unary,
  sin: unary,
  cos: unary,
  gelu: unary,
  geluGrad: unary,
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  matmul: (inputs, attrs, op) => float(matmul(inputs, attrs, op).shape),
  gemm(inputs, attrs, op) {
    const { shape, rank } = matmul(inputs, attrs, op);
    const c = operand(inputs, 2, op, "float");
    if (rank !== 2)
      throw shapeMismatch(
        op,
        inputs.map((i) => i.shape),
        "matrices",
      );
    const common = broadcastShapes(op, shape, c);
    if (sizeOf(common) !== sizeOf(shape)) throw shapeMismatch(op, [shape, c], "a C that broadcasts to A B");
    return float(shape);
  },
  reduceSum(inputs, { axes }, op) {
    const shape = operand(inputs, 0, op, "float");
    for (const axis of axes) checkAxis(op, shape, axis);
    return float(shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)));
  },
  softmax: unary,
  logSoftmax: unary,
  reshape(inputs, { shape }, op) {
    const input = inputs[0] as ValueType;
    if (sizeOf(input.shape) !== sizeOf(shape)) {
      throw shapeMismatch(op, [input.shape, shape], "the same number of elements");
    }
    return { dtype: input.dtype, shape };
  },
  transpose(inputs, { perm }, op) {
    const { dtype, shape } = inputs[0] as ValueType;
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== shape.length || sorted.some((axis, index) => axis !== index)) {
      throw badAttribute(op, shape, `perm [${perm.join(", ")}]`, "each axis exactly once");
    }
    return { dtype, shape: perm.map((axis) => shape[axis] as number) };
  },
  broadcastTo(inputs, { shape }, op) {
    const from = operand(inputs, 0, op, "float");
    if (sizeOf(broadcastShapes(op, from, shape)) !== sizeOf(shape)) {
      throw shapeMismatch(op, [from, shape], "a shape that the operand can be broadcast to");
    }
    return float(shape);
  },
  slice(inputs, { axis, start, end }, op) {
    const { dtype, shape } = inputs[0] as ValueType;
    const dim = checkAxis(op, shape, axis);
    if (!(start >= 0 && start < end && end <= dim)) {
      throw badAttribute(op, shape, `${start} to ${end} of axis ${axis}`, `0 <= start < end <= ${dim}`);
    }
    return { dtype, shape: replaceAxis(shape, axis, end - start) };
  },
  pad(inputs, { axis, before, after }, op) {
    const shape = operand(inputs, 0, op, "float");
    const dim = checkAxis(op, shape, axis);
    if (before < 0 || after < 0) throw badAttribute(op, shape, `${before}, ${after}`, "no negative padding");
    return float(replaceAxis(shape, axis, before + dim + after));
  },
  concat(inputs, { axis }, op) {
    const first = operand(inputs, 0, op, "float");
    checkAxis(op, first, axis);
    let total = 0;
    for (const [index] of inputs.entries()) {
      const shape = operand(inputs, index, op, "float");
      const fits = shape.length === first.length && shape.every((dim, a) => a === axis || dim === first[a]);
      if (!fits) throw shapeMismatch(op, [first, shape], `equal shapes apart from axis ${axis}`);
      total += shape[axis] as number;
    }
    return float(replaceAxis(first, axis, total));
  },
  gather(inputs, _, op) {
    const table = operand(inputs, 0, op, "float");
    if (table.length !== 2) throw shapeMismatch(op, [table], "a table [rows, width]");
    return float([...operand(inputs, 1, op, "int"), table[1] as number]);
  },
  scatterAdd(inputs, { rows }, op) {
    const updates = operand(inputs, 0, op, "float");
    const ids = operand(inputs, 1, op, "int");
    if (updates.length !== ids.length + 1 || ids.some((dim, axis) => dim !== updates[axis])) {
      throw shapeMismatch(op, [updates, ids], "updates [...ids, width]");
    }
    return float([rows, updates.at(-1) as number]);
  },
  pick(inputs, _, op) {
    const x = operand(inputs, 0, op, "float");
    const ids = operand(inputs, 1, op, "int");
    if (x.length !== ids.length + 1 || ids.some((dim, axis) => dim !== x[axis])) {
      throw shapeMismatch(op, [x, ids], "x [...ids, classes]");
    }
    return float(ids);
  },
  addAt(inputs, _, op) {
    const x = operand(inputs, 0, op, "float");
    const values = operand(inputs, 1, op, "float");
    const ids = operand(inputs, 2, op, "int");
    const rows = x.slice(0, -1);
    if (x.length === 0 || [values, ids].some((shape) => shape.join() !== rows.join())) {
      throw shapeMismatch(op, [x, values, ids], "x [...ids, classes] and values and ids of one shape");
    }
    return float(x);
  },
  rmsNorm: unary,
  causalAttention: (inputs, _, op) => float(attentionShape(inputs, op)),
  causalAttentionGrad: (inputs, _, op) => float(attentionShape(inputs, op)),
  linearCrossEntropy: (inputs, _, op) => float(crossEntropyShapes(inputs, op).n),
  linearCrossEntropyGrad(inputs, { of }, op) {
    const { x, w } = crossEntropyShapes(inputs, op);
    return float(of === "x" ? x : w);
  },
  stopGradient: unary,
  after: (inputs) => inputs[0] as ValueType,
};

/** Infers the type of an operation's result; throws GRAPH_SHAPE, GRAPH_DTYPE or GRAPH_ATTRIBUTE. */
export function inferType<Op extends ComputedOp>(
  op: Op,
  inputs: readonly ValueType[],
  attrs: OpAttrs[Op],
): ValueType {
  return (rules[op] as Infer<Op>)(inputs, attrs, op);
}

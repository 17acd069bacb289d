import { sizeOf } from "../util/tensor.ts";
import { badAttribute, shapeMismatch } from "./errors.ts";
import type { Shape, Value } from "./types.ts";

/** An operand of an elementwise operation: a value, or a number that becomes a scalar constant. */
type Operand = Value | number;
type Pair = readonly [Operand, Value] | readonly [Value, Operand];

const none = {} as const;

function lift(pair: Pair): [Value, Value] {
  const [a, b] = pair;
  const builder = (typeof a === "number" ? (b as Value) : a).builder;
  return [typeof a === "number" ? builder.scalar(a) : a, typeof b === "number" ? builder.scalar(b) : b];
}

const isNumber = (value: Operand, number: number) =>
  value === number ||
  (typeof value !== "number" &&
    value.op === "constant" &&
    value.shape.length === 0 &&
    (value as Value<"constant">).attrs.data[0] === number);

function binary(op: "add" | "sub" | "mul" | "div", pair: Pair): Value {
  const [a, b] = lift(pair);
  return a.builder.emit(op, [a, b], none);
}

export function add(...pair: Pair): Value {
  if (isNumber(pair[1], 0)) return pair[0] as Value;
  return binary("add", pair);
}
export function sub(...pair: Pair): Value {
  return binary("sub", pair);
}
export function mul(...pair: Pair): Value {
  if (isNumber(pair[1], 1)) return pair[0] as Value;
  return binary("mul", pair);
}
export function div(...pair: Pair): Value {
  return binary("div", pair);
}

export const neg = (x: Value): Value => x.builder.emit("neg", [x], none);
export const exp = (x: Value): Value => x.builder.emit("exp", [x], none);
export const log = (x: Value): Value => x.builder.emit("log", [x], none);
export const sqrt = (x: Value): Value => x.builder.emit("sqrt", [x], none);
export const reciprocal = (x: Value): Value => x.builder.emit("reciprocal", [x], none);
export const erf = (x: Value): Value => x.builder.emit("erf", [x], none);
export const tanh = (x: Value): Value => x.builder.emit("tanh", [x], none);
export const sigmoid = (x: Value): Value => x.builder.emit("sigmoid", [x], none);
export const relu = (x: Value): Value => x.builder.emit("relu", [x], none);
export const sin = (x: Value): Value => x.builder.emit("sin", [x], none);
export const cos = (x: Value): Value => x.builder.emit("cos", [x], none);
/** 1 where x > 0, else 0. */
export const step = (x: Value): Value => x.builder.emit("step", [x], none);
/** x sigmoid(x). */
export const silu = (x: Value): Value => mul(x, sigmoid(x));
/**
 * The exact Gaussian error linear unit, x (1 + erf(x / sqrt 2)) / 2. Its derivative is made beside it, while x
 * is at hand; where no gradient reads it, it is dead code.
 */
export function gelu(x: Value): Value {
  x.builder.emit("geluGrad", [x], none);
  return x.builder.emit("gelu", [x], none);
}
export const softmax = (x: Value): Value => x.builder.emit("softmax", [x], none);
export const logSoftmax = (x: Value): Value => x.builder.emit("logSoftmax", [x], none);
/** x, of which no gradient flows back. */
export const stopGradient = (x: Value): Value => x.builder.emit("stopGradient", [x], none);
/** x, but computed on only after every value of `earlier` has been computed. */
export const after = (x: Value, ...earlier: Value[]): Value => x.builder.emit("after", [x, ...earlier], none);

/** alpha a b, or with the last two axes of an operand swapped: [..., m, k] x [..., k, n] -> [..., m, n]. */
export function matmul(
  a: Value,
  b: Value,
  flags: { transA?: boolean; transB?: boolean; alpha?: number } = {},
): Value {
  const { transA = false, transB = false, alpha = 1 } = flags;
  return a.builder.emit("matmul", [a, b], { transA, transB, alpha });
}

/** Sum over `axes`, which stay with size 1. */
export function reduceSum(x: Value, axes: readonly number[]): Value {
  if (axes.every((axis) => x.shape[axis] === 1)) return x;
  return x.builder.emit("reduceSum", [x], { axes });
}

/** Mean over all elements, as a scalar. */
export function meanAll(x: Value): Value {
  const total = reduceSum(reshape(x, [1, sizeOf(x.shape)]), [1]);
  return mul(reshape(total, []), 1 / sizeOf(x.shape));
}

/** The same elements in another shape; at most one dimension may be -1 and is then inferred. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const full = shape.map((dim) => (dim === -1 ? sizeOf(x.shape) / known : dim));
  if (full.some((dim) => !Number.isInteger(dim))) {
    throw shapeMismatch("reshape", [x.shape, shape], "the same number of elements");
  }
  if (full.join() === x.shape.join()) return x;
  return x.builder.emit("reshape", [x], { shape: full });
}

export function transpose(x: Value, perm: readonly number[]): Value {
  if (perm.every((axis, index) => axis === index) && perm.length === x.shape.length) return x;
  return x.builder.emit("transpose", [x], { perm });
}

/** Swaps the last two axes. */
export function swapLast(x: Value): Value {
  const rank = x.shape.length;
  if (rank < 2) throw badAttribute("transpose", x.shape, "swap of the last two axes", "at least two axes");
  const perm = x.shape.map((_, axis) => axis);
  return transpose(x, [...perm.slice(0, -2), rank - 1, rank - 2]);
}

export function broadcastTo(x: Value, shape: Shape): Value {
  if (shape.join() === x.shape.join()) return x;
  return x.builder.emit("broadcastTo", [x], { shape });
}

/** The part from `start` up to but not including `end` along one axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  if (start === 0 && end === x.shape[axis]) return x;
  return x.builder.emit("slice", [x], { axis, start, end });
}

/** Zeros before and after along one axis. */
export function pad(x: Value, axis: number, before: number, after_: number): Value {
  if (before === 0 && after_ === 0) return x;
  return x.builder.emit("pad", [x], { axis, before, after: after_ });
}

export function concat(parts: readonly [Value, ...Value[]], axis: number): Value {
  return parts.length === 1 ? parts[0] : parts[0].builder.emit("concat", parts, { axis });
}

/** Rows of `table` [rows, width] chosen by whole numbers `ids` [...]: [..., width]. */
export const gather = (table: Value, ids: Value): Value => table.builder.emit("gather", [table, ids], none);

/** Zeros [rows, width] to which every update [..., width] is added at the row that `ids` [...] names. */
export const scatterAdd = (updates: Value, ids: Value, rows: number): Value =>
  updates.builder.emit("scatterAdd", [updates, ids], { rows });

/** The element of the last axis of x [..., classes] that `ids` [...] names: [...]. */
export const pick = (x: Value, ids: Value): Value => x.builder.emit("pick", [x, ids], none);

/** x [..., classes] with values [...] added to the elements of the last axis that `ids` [...] names. */
export const addAt = (x: Value, values: Value, ids: Value): Value =>
  x.builder.emit("addAt", [x, values, ids], none);

/** x / sqrt(mean(x^2) + epsilon) over the last axis, without a gain (Zhang and Sennrich, 2019). */
export const rmsNorm = (x: Value, epsilon: number): Value => x.builder.emit("rmsNorm", [x], { epsilon });

/**
 * softmax(q k^T + causal mask) v for q, k, v [batch, heads, tokens, head width]. The scale is the caller's.
 * Rows are computed in blocks of `tile`, each against no later keys than it needs.
 */
export function causalAttention(q: Value, k: Value, v: Value, tile = q.shape[2] ?? 1): Value {
  return q.builder.emit("causalAttention", [q, k, v], { tile: Math.min(tile, q.shape[2] ?? 1) });
}

/**
 * Cross-entropy in nats of the classifier x w^T against whole-number targets, for each row: x [n, width],
 * w [classes, width], targets [n] -> [n]. Logits exist only for `rows` rows at a time.
 */
export function linearCrossEntropy(x: Value, w: Value, targets: Value, rows = x.shape[0] ?? 1): Value {
  return x.builder.emit("linearCrossEntropy", [x, w, targets], { rows: Math.min(rows, x.shape[0] ?? 1) });
}

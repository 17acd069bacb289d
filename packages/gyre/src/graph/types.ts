import type { TensorData } from "../util/tensor.ts";
import type { GraphBuilder } from "./builder.ts";

/** `float` takes the precision of whatever runs the graph: 32 bits on a runtime, 64 in the interpreter. */
export type DType = "float" | "int";
/** Sizes of a tensor's axes, outermost first; empty for a scalar. */
export type Shape = readonly number[];

/** alpha a b, with the last two axes of an operand swapped first. */
export interface Product {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

/** The attributes of an operation that has none. */
export interface None {
  readonly [key: string]: never;
}

/** Every operation of the IR with its attributes. The tables of rules are total over these names. */
export interface OpAttrs {
  // leaves
  input: { readonly name: string };
  constant: { readonly data: TensorData };
  // elementwise, one operand
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  erf: None;
  tanh: None;
  sigmoid: None;
  relu: None;
  step: None;
  sin: None;
  cos: None;
  // elementwise, two operands, NumPy broadcasting
  add: None;
  sub: None;
  mul: None;
  div: None;
  // contractions and reductions
  matmul: Product;
  gemm: Product;
  reduceSum: { readonly axes: readonly number[] };
  softmax: None;
  logSoftmax: None;
  // movement
  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  broadcastTo: { readonly shape: Shape };
  slice: { readonly axis: number; readonly start: number; readonly end: number };
  pad: { readonly axis: number; readonly before: number; readonly after: number };
  concat: { readonly axis: number };
  gather: None;
  scatterAdd: { readonly rows: number };
  pick: None;
  addAt: None;
  // fused: one rule each, expanded into the operations above by the `expand` pass
  gelu: None;
  geluGrad: None;
  rmsNorm: { readonly epsilon: number };
  causalAttention: { readonly tile: number };
  causalAttentionGrad: { readonly tile: number; readonly of: "q" | "k" | "v" };
  linearCrossEntropy: { readonly rows: number };
  linearCrossEntropyGrad: { readonly rows: number; readonly of: "x" | "w" };
  // control
  stopGradient: None;
  after: None;
}

/** The name of an operation of the graph. */
export type OpName = keyof OpAttrs;

/** One node of the graph and the single tensor that it computes. */
export interface Value<Op extends OpName = OpName> {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Value[];
  readonly attrs: OpAttrs[Op];
  readonly dtype: DType;
  readonly shape: Shape;
  /** The recomputation segment in which it was built, if any. */
  readonly segment: number | undefined;
  readonly builder: GraphBuilder;
}

/** A finished graph: everything that its outputs need, in an order in which it can run. */
export interface Graph {
  readonly values: readonly Value[];
  readonly inputs: readonly Value<"input">[];
  readonly outputs: ReadonlyMap<string, Value>;
}

/** Narrows a value to one operation. */
export function isOp<Op extends OpName>(value: Value, op: Op): value is Value<Op> {
  return value.op === op;
}

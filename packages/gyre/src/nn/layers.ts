import {
  add,
  causalAttention,
  concat,
  cos,
  gelu,
  matmul,
  mul,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  silu,
  sin,
  slice,
  tanh,
  transpose,
} from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";

// Shapes: N = batch * tokens, B batch, T tokens, H heads, d width, M loops.

/** Looks a parameter up by its name below the current module. */
export type Params = (name: string) => Value;

/** Parameters of a submodule. */
export const within =
  (params: Params, prefix: string): Params =>
  (name) =>
    params(`${prefix}.${name}`);

/** x [N, in] times a weight [out, in], plus a bias [out]: [N, out]. */
export function linear(x: Value, weight: Value, bias?: Value): Value {
  const product = matmul(x, weight, { transB: true });
  return bias ? add(product, bias) : product;
}

/**
 * What a condition or a norm's gain and bias do around a linear layer, each [1 or N, width]: inputs times `factor`
 * plus `shift`, outputs times `gate`.
 */
export interface Modulation {
  readonly factor?: Value | undefined;
  readonly shift?: Value | undefined;
  readonly gate?: Value | undefined;
}

/**
 * A linear layer x [N, in] -> [N, out] under a modulation. One that is the same for all rows goes into whichever is
 * smaller: (x diag(s) + h) W^T diag(g) is x (diag(g) W diag(s))^T + h W^T diag(g).
 */
function modulatedLinear(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  { factor, shift, gate }: Modulation,
): Value {
  const [out, inner] = weight.shape as [number, number];
  const timesFactor = (value: Value) => (factor ? mul(value, factor) : value);
  const timesGate = (value: Value, by: Value | undefined = gate) => (by ? mul(value, by) : value);
  const isOneRow = [factor, shift, gate].every((value) => value === undefined || value.shape[0] === 1);
  if (!isOneRow || (x.shape[0] as number) <= out) {
    const read = timesFactor(x);
    return timesGate(linear(shift ? add(read, shift) : read, weight, bias));
  }
  const column = gate && reshape(gate, [out, 1]);
  const row = gate && reshape(gate, [out]);
  const shifted = shift && reshape(linear(reshape(shift, [1, inner]), weight, bias), [out]);
  const total = shifted ?? bias;
  return linear(x, timesGate(timesFactor(weight), column), total && timesGate(total, row));
}

/** GPT-2's approximation of gelu, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. */
function geluTanh(x: Value): Value {
  const slope = Math.sqrt(2 / Math.PI);
  const inner = mul(x, add(mul(mul(x, x), 0.044715 * slope), slope));
  return mul(mul(x, add(tanh(inner), 1)), 0.5);
}

const activations = { gelu, relu, silu, geluTanh } as const;
export type Activation = keyof typeof activations;

/** Root-mean-square norm over the last axis, with a gain where one is given. */
export function rmsNormed(x: Value, epsilon: number, gain?: Value): Value {
  const normed = rmsNorm(x, epsilon);
  return gain ? mul(normed, gain) : normed;
}

/** Layer norm over the last axis: deviations from the mean over their root mean square (Ba et al., 2016). */
export function layerNormed(x: Value, epsilon: number, gain?: Value, bias?: Value): Value {
  const last = x.shape.length - 1;
  const minusMean = mul(reduceSum(x, [last]), -1 / (x.shape[last] as number));
  const normed = rmsNorm(add(x, minusMean), epsilon);
  const scaled = gain ? mul(normed, gain) : normed;
  return bias ? add(scaled, bias) : scaled;
}

/** What attention projects its input to: scaled queries, keys and values [B, H, T, d / H]. */
interface Heads {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
  /** All three, one after the other [B, 3 H, T, d / H], where one product made them. */
  readonly joined?: Value;
}

/** Mixes values between positions: [B, H, T, d / H]. */
export type Attend = (heads: Heads) => Value;

/**
 * Multi-head self-attention of `batch` texts of equal length, x [N, d] -> [N, d]; `qkv` holds queries, keys and
 * values one below the other. The queries carry the scale 1 / sqrt(head width), which goes into their weights where
 * one product projects few rows, or where a bias keeps it out of the product. Many rows are projected by three.
 */
export function attention(
  x: Value,
  params: Params,
  { batch, heads, bias }: { readonly batch: number; readonly heads: number; readonly bias: boolean },
  attend: Attend,
  { gate, ...input }: Modulation = {},
): Value {
  const [rows, width] = x.shape as [number, number];
  const scale = 1 / Math.sqrt(width / heads);
  const weight = params("qkv.weight");
  const biases = bias ? params("qkv.bias") : undefined;
  const part = (value: Value, index: number) => slice(value, 0, index * width, (index + 1) * width);
  const scaled = (value: Value) => concat([mul(part(value, 0), scale), slice(value, 0, width, 3 * width)], 0);
  const joinedHeads = (): Heads => {
    const all = modulatedLinear(x, scaled(weight), biases && scaled(biases), input);
    const joined = splitHeads(all, batch, 3 * heads);
    const own = (index: number) => slice(joined, 1, index * heads, (index + 1) * heads);
    return { queries: own(0), keys: own(1), values: own(2), joined };
  };
  const headsOf = (index: number, factor = 1) => {
    const times = (value: Value) => (factor === 1 ? value : mul(value, factor));
    const projected = biases
      ? modulatedLinear(x, times(part(weight, index)), times(part(biases, index)), input)
      : times(modulatedLinear(x, part(weight, index), undefined, input));
    return splitHeads(projected, batch, heads);
  };
  const mixed = attend(
    rows <= width ? joinedHeads() : { queries: headsOf(0, scale), keys: headsOf(1), values: headsOf(2) },
  );
  return modulatedLinear(
    joinHeads(mixed),
    params("output.weight"),
    bias ? params("output.bias") : undefined,
    {
      gate,
    },
  );
}

/** Rows [B T, d] as [B, H, T, d / H]. */
function splitHeads(rows: Value, batch: number, heads: number): Value {
  const [total, width] = rows.shape as [number, number];
  return transpose(reshape(rows, [batch, total / batch, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, d / H] as rows [B T, d]. */
function joinHeads(split: Value): Value {
  const [batch, heads, tokens, headWidth] = split.shape as [number, number, number, number];
  return reshape(transpose(split, [0, 2, 1, 3]), [batch * tokens, heads * headWidth]);
}

/** Causal attention; `tile` rows of it are computed at a time. */
export const causal =
  (tile: number): Attend =>
  ({ queries, keys, values }) =>
    causalAttention(queries, keys, values, tile);

/** Two linear layers with an activation between them, x [N, d] -> [N, d]. */
export function mlp(
  x: Value,
  params: Params,
  { activation, bias }: { readonly activation: Activation; readonly bias: boolean },
  { gate, ...input }: Modulation = {},
): Value {
  const biases = (name: string) => (bias ? params(`${name}.bias`) : undefined);
  const hidden = modulatedLinear(x, params("up.weight"), biases("up"), input);
  return modulatedLinear(activations[activation](hidden), params("down.weight"), biases("down"), {
    gate,
  });
}

/** Width of the sinusoidal features of a scalar. */
export const FEATURES = 256;

/** Embeds M scalars: cosines, then sines, of 128 frequencies; then a two-layer network (DiT): [M] -> [M, d]. */
export function embedScalars(scalars: Value, params: Params): Value {
  const half = FEATURES / 2;
  const frequencies = Array.from({ length: half }, (_, index) => Math.exp((-Math.log(1e4) * index) / half));
  const angles = mul(reshape(scalars, [-1, 1]), scalars.builder.constant(frequencies, [1, half]));
  const features = concat([cos(angles), sin(angles)], 1);
  const hidden = silu(linear(features, params("0.weight"), params("0.bias")));
  return linear(hidden, params("1.weight"), params("1.bias"));
}

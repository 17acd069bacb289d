import {
  add,
  broadcastTo,
  causalAttention,
  concat,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  transpose,
} from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { type Modulation, modulatedLinear, type Params } from "./linear.ts";

// Shapes: N = batch * tokens, B batch, T tokens, H heads, K heads of keys and values, w head width, d width.

/** What attention projects its input to: scaled queries [B, H, T, w], keys and values [B, K, T, w]. */
interface Heads {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
  /** All three, one after the other [B, H + 2 K, T, w], where one product made them and nothing turned them. */
  readonly joined?: Value;
}

/** Mixes values between positions: [B, H, T, w]. */
export type Attend = (heads: Heads) => Value;

export interface AttentionOptions {
  /** Texts of equal length in the rows. */
  readonly batch: number;
  readonly heads: number;
  /** K, which divides H: each serves H / K neighbouring heads of queries (Ainslie et al., arXiv 2305.13245). */
  readonly keyValueHeads: number;
  readonly bias: boolean;
  /** What is done to queries and to keys [B, H or K, T, w] before they meet: rotary positions. */
  readonly turn?: ((heads: Value) => Value) | undefined;
}

/**
 * Multi-head self-attention, x [N, d] -> [N, d]; `qkv` [(H + 2 K) w, d] holds queries, keys and values one below
 * the other. The queries carry the scale 1 / sqrt(w), which goes into their weights where one product projects few
 * rows, or where a bias keeps it out of the product. Many rows are projected by three.
 */
export function attention(
  x: Value,
  params: Params,
  options: AttentionOptions,
  attend: Attend,
  { gate, ...input }: Modulation = {},
): Value {
  const { batch, heads, keyValueHeads, bias, turn } = options;
  const [rows, width] = x.shape as [number, number];
  const weight = params("qkv.weight");
  const biases = bias ? params("qkv.bias") : undefined;
  const total = heads + 2 * keyValueHeads;
  const headWidth = (weight.shape[0] as number) / total;
  const scale = 1 / Math.sqrt(headWidth);
  const part = (value: Value, from: number, to: number) => slice(value, 0, from * headWidth, to * headWidth);
  const scaled = (value: Value) => concat([mul(part(value, 0, heads), scale), part(value, heads, total)], 0);
  const joinedHeads = (): Heads => {
    const all = modulatedLinear(x, scaled(weight), biases && scaled(biases), input);
    const joined = splitHeads(all, batch, total);
    const own = (from: number, to: number) => slice(joined, 1, from, to);
    const values = own(heads + keyValueHeads, total);
    return { queries: own(0, heads), keys: own(heads, heads + keyValueHeads), values, joined };
  };
  const headsOf = (from: number, count: number, factor = 1) => {
    const times = (value: Value) => (factor === 1 ? value : mul(value, factor));
    const own = (value: Value) => part(value, from, from + count);
    const projected = biases
      ? modulatedLinear(x, times(own(weight)), times(own(biases)), input)
      : times(modulatedLinear(x, own(weight), undefined, input));
    return splitHeads(projected, batch, count);
  };
  const separateHeads = (): Heads => ({
    queries: headsOf(0, heads, scale),
    keys: headsOf(heads, keyValueHeads),
    values: headsOf(heads + keyValueHeads, keyValueHeads),
  });
  const split = rows <= width ? joinedHeads() : separateHeads();
  const { queries, keys, values } = split;
  const mixed = attend(turn ? { queries: turn(queries), keys: turn(keys), values } : split);
  const output = bias ? params("output.bias") : undefined;
  return modulatedLinear(joinHeads(mixed), params("output.weight"), output, { gate });
}

/** Rows [B T, H w] as [B, H, T, w]. */
function splitHeads(rows: Value, batch: number, heads: number): Value {
  const [total, width] = rows.shape as [number, number];
  return transpose(reshape(rows, [batch, total / batch, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, w] as rows [B T, H w]. */
function joinHeads(split: Value): Value {
  const [batch, heads, tokens, headWidth] = split.shape as [number, number, number, number];
  return reshape(transpose(split, [0, 2, 1, 3]), [batch * tokens, heads * headWidth]);
}

/** Keys or values [B, K, T, w] once for each head of queries, [B, H, T, w]. */
function forEachHead(shared: Value, heads: number): Value {
  const [batch, own, tokens, headWidth] = shared.shape as [number, number, number, number];
  if (own === heads) return shared;
  const grouped = reshape(shared, [batch, own, 1, tokens, headWidth]);
  const each = broadcastTo(grouped, [batch, own, heads / own, tokens, headWidth]);
  return reshape(each, [batch, heads, tokens, headWidth]);
}

/** Causal attention; `tile` rows of it are computed at a time. */
export const causal =
  (tile: number): Attend =>
  ({ queries, keys, values }) => {
    const each = (shared: Value) => forEachHead(shared, queries.shape[1] as number);
    return causalAttention(queries, each(keys), each(values), tile);
  };

/** The weights of causal attention, [B, H, T, T]: row i is what position i makes of those up to it, and sums to 1. */
export function causalWeights({ queries, keys }: Pick<Heads, "queries" | "keys">): Value {
  const [, heads, tokens] = queries.shape as [number, number, number];
  const later = Float64Array.from({ length: tokens ** 2 }, (_, at) =>
    at % tokens > Math.floor(at / tokens) ? -1e9 : 0,
  );
  const mask = queries.builder.constant(later, [1, 1, tokens, tokens]);
  return softmax(add(matmul(queries, forEachHead(keys, heads), { transB: true }), mask));
}

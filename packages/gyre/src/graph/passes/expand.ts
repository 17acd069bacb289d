import {
  add,
  addAt,
  broadcastTo,
  concat,
  erf,
  exp,
  logSoftmax,
  matmul,
  mul,
  neg,
  pad,
  pick,
  reciprocal,
  reduceSum,
  reshape,
  slice,
  softmax,
  sqrt,
  sub,
} from "../ops.ts";
import type { Graph, OpAttrs, OpName, Value } from "../types.ts";
import { rebuild } from "./rebuild.ts";

type Expand<Op extends OpName> = (inputs: readonly Value[], attrs: OpAttrs[Op]) => Value;
type NonEmpty = readonly [Value, ...Value[]];

/** Score added where a key lies in the future: exp of it is exactly zero after the row maximum is taken off. */
const MASKED = -1e9;

/** What each fused operation means in plain ones. Parts that two expansions share are built once. */
const expansions = {
  gelu([x]) {
    const { u, twiceCdf } = gaussian(x as Value);
    return mul(mul(u, twiceCdf), Math.SQRT1_2);
  },
  geluGrad([x]) {
    const { u, twiceCdf } = gaussian(x as Value);
    const density = exp(sub(Math.log(2 / Math.sqrt(Math.PI)), mul(u, u)));
    return mul(add(twiceCdf, mul(u, density)), 0.5);
  },
  rmsNorm: ([x], { epsilon }) => mul(x as Value, inverseRms(x as Value, epsilon)),
  causalAttention([q, k, v], { tile }) {
    const tiles = attentionTiles(q as Value, k as Value, tile);
    const parts = tiles.map(({ weights, end }) => matmul(weights, slice(v as Value, 2, 0, end)));
    return concat(parts as unknown as NonEmpty, 2);
  },
  causalAttentionGrad: (inputs, { tile, of }) => attentionGrad(inputs as AttentionGradInputs, tile, of),
  linearCrossEntropy([x, w, targets], { rows }) {
    const parts = rowBlocks(x as Value, w as Value, rows).map(({ logits, start, end }) =>
      neg(pick(logSoftmax(logits), slice(targets as Value, 0, start, end))),
    );
    return concat(parts as unknown as NonEmpty, 0);
  },
  linearCrossEntropyGrad([x, w, targets, g], { rows, of }) {
    const weight = reshape(g as Value, [-1, 1]);
    const blocks = rowBlocks(x as Value, w as Value, rows).map(({ logits, start, end }) => {
      const minusOne = broadcastTo((x as Value).builder.scalar(-1), [end - start]);
      return { gap: addAt(softmax(logits), minusOne, slice(targets as Value, 0, start, end)), start, end };
    });
    if (of === "x") {
      const parts = blocks.map(({ gap }) => matmul(gap, w as Value));
      return mul(concat(parts as unknown as NonEmpty, 0), weight);
    }
    const scaled = mul(x as Value, weight);
    return blocks
      .map(({ gap, start, end }) => matmul(gap, slice(scaled, 0, start, end), { transA: true }))
      .reduce((sum, part) => add(sum, part));
  },
} satisfies { [Op in OpName]?: Expand<Op> };

/** Replaces every fused operation by plain ones, apart from those to `keep`. */
export function expand(graph: Graph, keep: readonly OpName[] = []): Graph {
  return rebuild(graph, (value, inputs) => {
    if (keep.includes(value.op)) return undefined;
    const rule = (expansions as Partial<Record<OpName, Expand<never>>>)[value.op];
    return rule?.(inputs, value.attrs as never);
  });
}

/** 1 / sqrt(mean(x^2) + epsilon) over the last axis, which stays with size 1. */
export function inverseRms(x: Value, epsilon: number): Value {
  const last = x.shape.length - 1;
  const meanSquare = mul(reduceSum(mul(x, x), [last]), 1 / (x.shape[last] as number));
  return reciprocal(sqrt(add(meanSquare, epsilon)));
}

/** u = x / sqrt(2) and twice the Gaussian distribution function at x; its factors can move into the products around it. */
function gaussian(x: Value): { readonly u: Value; readonly twiceCdf: Value } {
  const u = mul(x, Math.SQRT1_2);
  return { u, twiceCdf: add(erf(u), 1) };
}

interface AttentionTile {
  /** Attention weights of the rows start..end over the keys 0..end. */
  readonly weights: Value;
  readonly start: number;
  readonly end: number;
}

function attentionTiles(q: Value, k: Value, tile: number): AttentionTile[] {
  const tokens = q.shape[2] as number;
  return Array.from({ length: Math.ceil(tokens / tile) }, (_, index) => {
    const start = index * tile;
    const end = Math.min(tokens, start + tile);
    const scores = matmul(slice(q, 2, start, end), slice(k, 2, 0, end), { transB: true });
    const mask = new Float32Array((end - start) * end);
    for (let row = start; row < end; row++)
      mask.fill(MASKED, (row - start) * end + row + 1, (row - start + 1) * end);
    return { weights: softmax(add(scores, q.builder.constant(mask, [end - start, end]))), start, end };
  });
}

type AttentionGradInputs = readonly [q: Value, k: Value, v: Value, out: Value, dy: Value];

/** Gradients of attention from its saved output, after FlashAttention's row sums (Dao et al., 2022, B.4). */
function attentionGrad([q, k, v, out, dy]: AttentionGradInputs, tile: number, of: "q" | "k" | "v"): Value {
  const tokens = q.shape[2] as number;
  const rowSums = reduceSum(mul(dy, out), [3]);
  const parts = attentionTiles(q, k, tile).map(({ weights, start, end }) => {
    const dRows = slice(dy, 2, start, end);
    const rest = (part: Value) => pad(part, 2, 0, tokens - end);
    if (of === "v") return rest(matmul(weights, dRows, { transA: true }));
    const dWeights = matmul(dRows, slice(v, 2, 0, end), { transB: true });
    const dScores = mul(weights, sub(dWeights, slice(rowSums, 2, start, end)));
    if (of === "q") return matmul(dScores, slice(k, 2, 0, end));
    return rest(matmul(dScores, slice(q, 2, start, end), { transA: true }));
  });
  return of === "q" ? concat(parts as unknown as NonEmpty, 2) : parts.reduce((sum, part) => add(sum, part));
}

function rowBlocks(x: Value, w: Value, rows: number): { logits: Value; start: number; end: number }[] {
  const total = x.shape[0] as number;
  return Array.from({ length: Math.ceil(total / rows) }, (_, index) => {
    const start = index * rows;
    const end = Math.min(total, start + rows);
    return { logits: matmul(slice(x, 0, start, end), w, { transB: true }), start, end };
  });
}

import { GraphBuilder } from "../graph/builder.ts";
import { add, concat, matmul, mul, reduceSum, slice, softmax, swapLast } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import type { Attend } from "../nn/attention.ts";
import {
  type BlockModulation,
  blockModulation,
  core,
  finalNorm,
  modulationRows,
  parameterInputs,
  readOut,
} from "./assembly.ts";
import { notDecodable, readsVectors } from "./errors.ts";
import { isConditioned } from "./parameters.ts";
import { hasVectors, type Spec } from "./spec.ts";

// Shapes: S sequences, T new tokens of each, P cached positions read, H heads, d width, k layers.

/** Sizes of one call of the core while decoding. */
export interface CallShape {
  readonly sequences: number;
  /** New tokens of each sequence. */
  readonly tokens: number;
  /** Cached positions that each new token may attend to. */
  readonly cached: number;
}

export const cacheKinds = ["keys", "values"] as const;
export type CacheKind = (typeof cacheKinds)[number];

/** The input that holds the cache of one layer and sequence. */
export const cacheName = (kind: CacheKind, layer: number, sequence: number): string =>
  `${kind}.${layer}.${sequence}`;

/** The output that holds the new keys and values of one layer. */
export const rowsName = (layer: number): string => `rows.${layer}`;

/** Values of one conditioning, all blocks of the core: gates and factors, [4 k d]. */
const modulationSize = (spec: Spec): number => 4 * spec.layers.core * spec.width;

/** Refuses a model whose loop is more than its core; throws MODEL_VECTORS or MODEL_DECODE. */
function requireDecodable(spec: Spec): void {
  const { inject, frame, positions } = spec;
  const { heads, keyValueHeads } = spec.attention;
  const { prelude, coda } = spec.layers;
  if (hasVectors(spec)) throw readsVectors(spec.family);
  const problems = [
    ...(prelude > 0 ? [`prelude: ${prelude} layers`] : []),
    ...(coda > 0 ? [`coda: ${coda} layers`] : []),
    ...(inject !== "none" ? [`inject: ${inject}`] : []),
    ...(frame !== "run" ? [`frame: ${frame}`] : []),
    ...(positions.kind !== "learned" ? [`positions.kind: ${positions.kind}`] : []),
    ...(keyValueHeads !== heads ? [`attention.keyValueHeads: ${keyValueHeads}`] : []),
  ];
  if (problems.length > 0) throw notDecodable(problems);
}

/**
 * One loop over new tokens of several sequences, each in its own loop of its own trajectory: every loop uses
 * the same weights. Inputs: `x` [S T, d]; `modulation` [S T or 1, 4 k d] where the model is conditioned; the
 * additive `mask` [S, 1, T, P + T] (0 or a large negative number); per layer and sequence, `keys.j.s` and
 * `values.j.s` [1, H, P, d / H]. Outputs: the next `x`, and per layer `rows.j` [S, 2 H or 3 H, T, d / H], which ends
 * with the H heads of the new keys and the H of the new values. Throws MODEL_VECTORS, MODEL_DECODE.
 */
export function loopGraph(spec: Spec, shape: CallShape): Graph {
  requireDecodable(spec);
  const { sequences, tokens, cached } = shape;
  const builder = new GraphBuilder();
  const { heads } = spec.attention;
  const x = builder.input("x", [sequences * tokens, spec.width]);
  const mask = builder.input("mask", [sequences, 1, tokens, cached + tokens]);
  const fresh: Record<string, Value> = {};
  const attend =
    (layer: number): Attend =>
    ({ queries, keys, values, joined }) => {
      fresh[rowsName(layer)] = joined ?? concat([keys, values], 1);
      const past = (kind: CacheKind) =>
        Array.from({ length: cached === 0 ? 0 : sequences }, (_, sequence) =>
          builder.input(cacheName(kind, layer, sequence), [1, heads, cached, spec.width / heads]),
        );
      return attendCached(queries, keys, values, past("keys"), past("values"), mask);
    };
  const next = core(x, spec, parameterInputs(builder, spec), {
    batch: sequences,
    attend,
    modulations: givenModulations(builder, spec, shape),
  });
  return builder.graph({ x: next, ...fresh });
}

/**
 * Attention of new queries [S, H, T, w] over each sequence's own past [1, H, P, w] and the new keys and values
 * [S, H, T, w]. The past is read in place: nothing as long as it is ever copied.
 */
function attendCached(
  queries: Value,
  keys: Value,
  values: Value,
  pastKeys: readonly Value[],
  pastValues: readonly Value[],
  mask: Value,
): Value {
  // of one new token these are sums and products, for which a matrix product's start costs more than it does
  const isOne = queries.shape[2] === 1;
  const own = isOne ? reduceSum(mul(queries, keys), [3]) : matmul(queries, keys, { transB: true });
  const perSequence = (value: Value, index: number) => slice(value, 0, index, index + 1);
  const columns = swapLast(queries);
  const past = pastKeys.map((part, index) => matmul(part, perSequence(columns, index)));
  const scores = past.length > 0 ? concat([swapLast(concat(past as [Value, ...Value[]], 0)), own], 3) : own;
  const weights = softmax(add(scores, mask));
  const cached = (pastKeys[0]?.shape[2] as number | undefined) ?? 0;
  const ownWeights = slice(weights, 3, cached, weights.shape[3] as number);
  const fromOwn = isOne ? mul(ownWeights, values) : matmul(ownWeights, values);
  if (cached === 0) return fromOwn;
  const pastWeights = slice(weights, 3, 0, cached);
  const fromPast = pastValues.map((part, index) => matmul(perSequence(pastWeights, index), part));
  return add(concat(fromPast as [Value, ...Value[]], 0), fromOwn);
}

/** The input `modulation`, cut into the blocks' parts; one row serves every token of a single sequence. */
function givenModulations(builder: GraphBuilder, spec: Spec, { sequences, tokens }: CallShape) {
  if (!isConditioned(spec)) return undefined;
  const rows = sequences === 1 ? 1 : sequences * tokens;
  const all = builder.input("modulation", [rows, modulationSize(spec)]);
  return Array.from({ length: spec.layers.core }, (_, block): BlockModulation => {
    const chunk = (index: number) => {
      const start = (4 * block + index) * spec.width;
      return slice(all, 1, start, start + spec.width);
    };
    return { attention: { gate: chunk(0), factor: chunk(1) }, mlp: { gate: chunk(2), factor: chunk(3) } };
  });
}

/** The modulations of M loops, `t` and `dt` [M] -> `modulation` [M, 4 k d]: what `loopGraph` is told, row by row. */
export function modulationGraph(spec: Spec, loops: number): Graph {
  const builder = new GraphBuilder();
  const blocks = (modulationRows(builder, spec, loops) ?? []).map(blockModulation);
  const parts = blocks.flatMap(({ attention, mlp }) => [
    attention.gate,
    attention.factor,
    mlp.gate,
    mlp.factor,
  ]);
  return builder.graph({ modulation: concat(parts as [Value, ...Value[]], 1) });
}

/** Logits of states after any loop: `x` [n, d] -> `logits` [n, vocab]. */
export function readOutGraph(spec: Spec, rows: number): Graph {
  requireDecodable(spec);
  const builder = new GraphBuilder();
  const hidden = finalNorm(builder.input("x", [rows, spec.width]), spec, parameterInputs(builder, spec));
  return builder.graph({ logits: readOut(builder, spec, hidden) });
}

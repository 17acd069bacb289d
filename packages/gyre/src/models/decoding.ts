import { GraphBuilder } from "../graph/builder.ts";
import {
  add,
  broadcastTo,
  concat,
  gather,
  matmul,
  mul,
  reduceSum,
  reshape,
  slice,
  softmax,
  swapLast,
} from "../graph/ops.ts";
import type { Graph, Shape, Value } from "../graph/types.ts";
import type { Attend, AttentionOptions } from "../nn/attention.ts";
import { turned, turnTable } from "../nn/rotary.ts";
import {
  type BlockModulation,
  blockModulation,
  coda,
  core,
  finalNorm,
  firstState,
  modulationRows,
  parameterInputs,
  prelude,
  readOut,
  type Setting,
} from "./assembly.ts";
import { readsVectors } from "./errors.ts";
import { isConditioned, type StageName } from "./parameters.ts";
import { hasVectors, headWidth, type Spec } from "./spec.ts";

// The assembly cut where a decoder looks in: before the loops, between them, and after. Shapes: S sequences, T new
// tokens of each, P cached positions read, H heads, K heads of keys and values, w their width, d width, k core layers.

/** Sizes of one call while decoding. */
export interface CallShape {
  readonly sequences: number;
  /** New tokens of each sequence. */
  readonly tokens: number;
  /** Cached positions that each new token may attend to. */
  readonly cached: number;
}

export const cacheKinds = ["keys", "values"] as const;
/** What is kept of a token for those after it. */
export type CacheKind = (typeof cacheKinds)[number];

/** A layer that attends: in the core it does so anew in every loop. */
export interface Layer {
  readonly stage: StageName;
  readonly index: number;
}

/** The layers of some stages, in the order in which they run. */
export const layersOf = (
  { layers }: Spec,
  stages: readonly StageName[] = ["prelude", "core", "coda"],
): Layer[] =>
  stages.flatMap((stage) => Array.from({ length: layers[stage] }, (_, index) => ({ stage, index })));

/** The input that holds the cache of one layer and sequence. */
export const cacheName = (kind: CacheKind, { stage, index }: Layer, sequence: number): string =>
  `${kind}.${stage}.${index}.${sequence}`;

/** The output that holds the new keys and values of one layer. */
export const rowsName = ({ stage, index }: Layer): string => `rows.${stage}.${index}`;

/** The inputs that every loop reads whole: what each token may see, where it stands, and what it was read as. */
export const sharedNames = ["mask", "positions", "embedding"] as const;

/** Whether the embedding enters again after the start, so that every loop reads it. */
export const readsEmbedding = ({ inject }: Spec): boolean => inject !== "none";

/** Values of one conditioning, all blocks of the core: gates and factors, [4 k d]. */
const modulationSize = ({ layers, width }: Spec): number => 4 * layers.core * width;

/**
 * What runs before the first loop: the embedding, positions and the prelude. Inputs: `tokens` and `positions` [S T];
 * for a prelude `mask` and caches, as `loopGraph`. Outputs: `x` [S T, d], the state before the first loop; `embedding`
 * [S T, d] where it enters again; rows as `loopGraph`. Throws MODEL_VECTORS.
 */
export function prologueGraph(spec: Spec, shape: CallShape): Graph {
  const { builder, setting, fresh } = settingOf(spec, shape);
  const ids = builder.input("tokens", [shape.sequences * shape.tokens], "int");
  const read = gather(setting.params("embed.tokens.weight"), ids);
  const embedding = prelude(read, setting);
  const filled = (value: number) => broadcastTo(builder.scalar(value), embedding.shape);
  const x = { embedding, zeros: filled(0), ones: filled(1) }[spec.start];
  return builder.graph({ x, ...(readsEmbedding(spec) ? { embedding } : {}), ...fresh });
}

/**
 * One loop over new tokens of several sequences, each in its own loop of its own trajectory: every loop uses
 * the same weights. Inputs: `x` [S T, d]; `embedding` [S T, d] where it enters again; `positions` [S T] where every
 * loop has them; `modulation` [S T or 1, 4 k d] where the model is conditioned; the additive `mask` [S, 1, T, P + T]
 * (0 or a large negative number); per layer and sequence, `keys.core.j.s` and `values.core.j.s` [1, K, P, w]. Outputs:
 * the next `x`, and per layer `rows.core.j` [S, n, T, w], which ends with the K heads of the new keys and the K of the
 * new values. Throws MODEL_VECTORS.
 */
export function loopGraph(spec: Spec, shape: CallShape): Graph {
  const { builder, setting, fresh, rows } = settingOf(spec, shape);
  const embedding = readsEmbedding(spec) ? builder.input("embedding", rows) : undefined;
  const modulations = givenModulations(builder, spec, shape);
  const next = core(builder.input("x", rows), embedding, setting, { modulations });
  return builder.graph({ x: next, ...fresh });
}

/**
 * What runs after the last loop: the coda's layers, and the head if it `reads`. Inputs: `x` [S T, d], and caches as
 * `loopGraph`. Outputs: what the head reads, `hidden` [S T, d], or `logits` [S T, vocab]; rows as `loopGraph`. Throws
 * MODEL_VECTORS.
 */
export function epilogueGraph(spec: Spec, shape: CallShape, { reads }: { readonly reads: boolean }): Graph {
  const { builder, setting, fresh, rows } = settingOf(spec, shape);
  const hidden = coda(builder.input("x", rows), setting);
  const logits = () => readOut(builder, spec, finalNorm(hidden, setting));
  return builder.graph(reads ? { logits: logits(), ...fresh } : { hidden, ...fresh });
}

/** Sizes of one call that reads whole texts. */
export interface WholeShape extends Omit<CallShape, "cached"> {
  readonly loops: number;
  /** Tokens of which the call gives what the head reads. */
  readonly wanted: number;
}

/**
 * Whole texts, from the embedding through all loops and the coda, without caches. Inputs: `tokens` and `positions` [S T],
 * `mask` [S, 1, T, T] as `loopGraph`, and the trajectory `t` and `dt` [M], which all rows share; `wanted`, rows of S T.
 * Output: `hidden` [wanted, d]. Throws MODEL_VECTORS.
 */
export function wholeGraph(spec: Spec, { loops, wanted, ...shape }: WholeShape): Graph {
  const { builder, setting, rows } = settingOf(spec, { ...shape, cached: 0 });
  const ids = builder.input("tokens", [rows[0] as number], "int");
  const embedding = prelude(gather(setting.params("embed.tokens.weight"), ids), setting);
  const told = modulationRows(builder, spec, loops);
  let state = firstState(spec, embedding);
  for (let loop = 0; loop < loops; loop++) {
    const modulations = told?.map((row) => blockModulation(slice(row, 0, loop, loop + 1)));
    state = core(state, embedding, setting, { modulations });
  }
  const left = coda(state as Value, setting);
  return builder.graph({ hidden: gather(left, builder.input("wanted", [wanted], "int")) });
}

/** Logits of what a coda left, or a loop where there is no coda: `hidden` [n, d] -> `logits` [n, vocab]. Throws MODEL_VECTORS. */
export function headGraph(spec: Spec, rows: number): Graph {
  if (hasVectors(spec)) throw readsVectors(spec.family);
  const builder = new GraphBuilder();
  const setting = { spec, params: parameterInputs(builder, spec) };
  const normed = finalNorm(builder.input("hidden", [rows, spec.width]), setting);
  return builder.graph({ logits: readOut(builder, spec, normed) });
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

/** A part of the assembly whose layers read caches, and note their new rows in `fresh`. */
function settingOf(spec: Spec, { sequences, tokens, cached }: CallShape) {
  if (hasVectors(spec)) throw readsVectors(spec.family);
  const builder = new GraphBuilder();
  const rows: Shape = [sequences * tokens, spec.width];
  const fresh: Record<string, Value> = {};
  const past = (kind: CacheKind, layer: Layer, { shape }: Value) =>
    Array.from({ length: cached === 0 ? 0 : sequences }, (_, sequence) =>
      builder.input(cacheName(kind, layer, sequence), [1, shape[1] as number, cached, shape[3] as number]),
    );
  const attend =
    (stage: StageName, index: number): Attend =>
    ({ queries, keys, values, joined }) => {
      const layer = { stage, index };
      fresh[rowsName(layer)] = joined ?? concat([keys, values], 1);
      const mask = builder.input("mask", [sequences, 1, tokens, cached + tokens]);
      return attendCached(
        { queries, keys, values },
        { keys: past("keys", layer, keys), values: past("values", layer, values) },
        mask,
      );
    };
  const place = (x: Value, table: Value): Value =>
    add(x, gather(table, builder.input("positions", [sequences * tokens], "int")));
  const params = parameterInputs(builder, spec);
  const turn = rotation(builder, spec, [sequences, tokens]);
  const setting: Setting = { spec, params, batch: sequences, attend, place, turn };
  return { builder, setting, fresh, rows };
}

/** What rotary positions do to queries and keys that stand at the input `positions` [S T]; undefined without them. */
function rotation(
  builder: GraphBuilder,
  spec: Spec,
  [sequences, tokens]: readonly [number, number],
): AttentionOptions["turn"] {
  if (spec.positions.kind !== "rotary") return undefined;
  const { cos, sin, shape } = turnTable(spec.context, headWidth(spec), spec.positions.base);
  const at = (table: Float64Array): Value => {
    const places = builder.input("positions", [sequences * tokens], "int");
    return reshape(gather(builder.constant(table, shape), places), [sequences, 1, tokens, shape[1]]);
  };
  return (heads) => turned(heads, { cos: at(cos), sin: at(sin) });
}

/**
 * Attention of new queries [S, H, T, w] over each sequence's own past [1, K, P, w] and the new keys and values
 * [S, K, T, w]; each head of these serves H / K of the queries'. The past is read in place: nothing as long as it is
 * ever copied.
 */
function attendCached(
  { queries, keys, values }: Readonly<Record<"queries" | CacheKind, Value>>,
  past: Readonly<Record<CacheKind, readonly Value[]>>,
  mask: Value,
): Value {
  const [sequences, heads, tokens] = queries.shape as [number, number, number, number];
  const group = heads / (keys.shape[1] as number);
  const shared = (value: Value) =>
    group === 1
      ? value
      : reshape(value, [sequences, heads / group, group * tokens, value.shape[3] as number]);
  const apart = (value: Value) =>
    group === 1 ? value : reshape(value, [sequences, heads, tokens, value.shape[3] as number]);
  // of one new token these are sums and products, for which a matrix product's start costs more than it does
  const isOne = tokens === 1;
  const asked = shared(queries);
  const own = isOne ? reduceSum(mul(asked, keys), [3]) : matmul(asked, keys, { transB: true });
  const perSequence = (value: Value, index: number) => slice(value, 0, index, index + 1);
  const columns = swapLast(asked);
  const cached = past.keys.map((part, index) => matmul(part, perSequence(columns, index)));
  const scores =
    cached.length > 0 ? concat([swapLast(concat(cached as [Value, ...Value[]], 0)), own], 3) : own;
  const weights = shared(softmax(add(apart(scores), mask)));
  const length = (past.keys[0]?.shape[2] as number | undefined) ?? 0;
  const ownWeights = slice(weights, 3, length, weights.shape[3] as number);
  const fromOwn = isOne ? mul(ownWeights, values) : matmul(ownWeights, values);
  if (length === 0) return apart(fromOwn);
  const pastWeights = slice(weights, 3, 0, length);
  const fromPast = past.values.map((part, index) => matmul(perSequence(pastWeights, index), part));
  return apart(add(concat(fromPast as [Value, ...Value[]], 0), fromOwn));
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

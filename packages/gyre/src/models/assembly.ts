import type { GraphBuilder } from "../graph/builder.ts";
import { add, broadcastTo, gather, matmul, mul, reshape, silu, slice, stopGradient } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { type Attend, type AttentionOptions, attention, causal, causalWeights } from "../nn/attention.ts";
import { embedScalars } from "../nn/embed.ts";
import { linear, type Modulation, type Params, within } from "../nn/linear.ts";
import { mlp } from "../nn/mlp.ts";
import { layerNormed, rmsNormed } from "../nn/norm.ts";
import { turned, turnTable } from "../nn/rotary.ts";
import { contextExceeded, readsVectors } from "./errors.ts";
import {
  embedderNames,
  frame,
  isConditioned,
  normPlaces,
  parameters,
  type Stage,
  type StageName,
  stages,
} from "./parameters.ts";
import { hasVectors, headWidth, type Spec } from "./spec.ts";

// Shapes: N = batch * tokens, d width, M loops.

export interface ForwardOptions {
  readonly batch: number;
  readonly tokens: number;
  readonly loops: number;
  /** Prefix of the inputs `t` and `dt` [M] of this run's trajectory; runs of one graph need different ones. */
  readonly route?: string;
  /** Numbers of loops after which the hidden state is read; only the last one by default. */
  readonly taps?: readonly number[];
  /** No gradient flows through the first this many loops: neither into their weights nor into what they read. */
  readonly detachedLoops?: number;
  /** Rebuild the core's activations in the backward pass, block by block of each loop, instead of keeping them. */
  readonly recompute?: boolean;
  /** Rows of attention computed at a time; all by default. */
  readonly tile?: number;
  /** The state [N, d] that the first loop reads; the spec's start by default. */
  readonly from?: Value;
  /** Shown the state [N, d] before the first loop, if there is one, and after each: before coda and final norm. */
  readonly onState?: (state: Value, loops: number) => void;
  /** Shown the weights [B, H, T, T] by which a layer of the core attends, loop after loop. */
  readonly onAttention?: (weights: Value, layer: number) => void;
}

/** The parameters of a model as inputs of a graph, by name. */
export function parameterInputs(builder: GraphBuilder, spec: Spec): Params {
  const all = parameters(spec);
  return (name) => builder.input(name, all.get(name)?.shape ?? []);
}

/**
 * The one assembly: read in, prelude, the core `loops` times, coda. Reads the input `tokens` [B, T], or `prompts`
 * [B, T, inputs] where tokens are vectors, and returns the states [N, d] to read out, after the final norm, by
 * number of loops (LoopFormer, section 3; Looped Transformer, section 3; AlgoFormer, section 2).
 */
export function forward(
  builder: GraphBuilder,
  spec: Spec,
  options: ForwardOptions,
): ReadonlyMap<number, Value> {
  const { batch, tokens, loops, route, taps = [loops], recompute = false, tile = tokens } = options;
  if (tokens > spec.context) throw contextExceeded(tokens, spec.context);
  const params = parameterInputs(builder, spec);
  const setting: Setting = {
    spec,
    params,
    batch,
    attend: (stage, block) => (heads) => {
      if (stage === "core") options.onAttention?.(causalWeights(heads), block);
      return causal(tile)(heads);
    },
    place: (x, table) => withPositions(x, table, batch),
    turn: rotation(builder, spec, tokens),
  };
  const modulations = modulationRows(builder, spec, loops, route);
  const embedding = prelude(readIn(builder, spec, params, batch, tokens), setting);
  let state = options.from ?? firstState(spec, embedding);
  if (state) options.onState?.(state, 0);
  const states = new Map<number, Value>();
  for (let loop = 0; loop < loops; loop++) {
    const told = modulations?.map((rows) => blockModulation(slice(rows, 0, loop, loop + 1)));
    const next = core(state, embedding, setting, { modulations: told, recompute });
    state = loop + 1 === options.detachedLoops ? stopGradient(next) : next;
    options.onState?.(next, loop + 1);
    if (taps.includes(loop + 1)) states.set(loop + 1, finalNorm(coda(next, setting), setting));
  }
  return states;
}

/** What the stages of a model have besides their parameters: rows of several texts, or those of a cache beside them. */
export interface Setting {
  readonly spec: Spec;
  readonly params: Params;
  /** Texts of equal length in the rows. */
  readonly batch: number;
  readonly attend: (stage: StageName, block: number) => Attend;
  /** Adds to rows x [N, d] what a table [context, d] has at their positions. */
  readonly place: (x: Value, table: Value) => Value;
  /** What rotary positions do to queries and keys. */
  readonly turn: AttentionOptions["turn"];
}

/** What enters the loops: the tokens as they were read [N, d], at their positions, through the prelude. */
export function prelude(read: Value, setting: Setting): Value {
  const { prelude: stage } = stages(setting.spec);
  const placed = placeAt(placeAt(read, frame(setting.spec), setting), stage, setting);
  return settle(blocks(placed, stage.blocks, setting, { stage: "prelude" }), stage, setting);
}

/** What a loop has besides its state. */
export interface LoopOptions {
  readonly modulations?: readonly BlockModulation[] | undefined;
  /** Each block is a recomputation segment. */
  readonly recompute?: boolean;
}

/**
 * One loop: the embedding enters, then come the core's blocks. x [N, d] -> [N, d]; before a first loop that starts from
 * zeros, or from ones by which the embedding is multiplied, the state may be left out.
 */
export function core(
  state: Value | undefined,
  embedding: Value | undefined,
  setting: Setting,
  options: LoopOptions = {},
): Value {
  const { spec } = setting;
  const { core: stage } = stages(spec);
  const injected = spec.inject === "everyLayer" ? embedding : undefined;
  const entered = enter(state, embedding, setting);
  return settle(
    blocks(entered, stage.blocks, setting, { stage: "core", injected, ...options }),
    stage,
    setting,
  );
}

/** What the core reads, given the state. */
function enter(state: Value | undefined, embedding: Value | undefined, setting: Setting): Value {
  const { inject } = setting.spec;
  const { core: stage } = stages(setting.spec);
  const given = embedding ?? (state as Value);
  if (inject === "add") {
    const placed = placeAt(given, stage, setting);
    return state ? add(state, placed) : placed;
  }
  const joined = state && inject === "multiply" ? mul(state, given) : (state ?? given);
  return placeAt(joined, stage, setting);
}

/** What follows the last loop: the coda's blocks, x [N, d] -> [N, d]. */
export function coda(state: Value, setting: Setting): Value {
  const { coda: stage } = stages(setting.spec);
  return settle(blocks(state, stage.blocks, setting, { stage: "coda" }), stage, setting);
}

/** What is read out of what the coda left [N, d]: the norm around the whole run, where a model has one. */
export const finalNorm = (x: Value, setting: Pick<Setting, "spec" | "params">): Value =>
  settle(x, frame(setting.spec), setting);

const placeAt = (x: Value, { positions }: Pick<Stage, "positions">, { params, place }: Setting): Value =>
  positions ? place(x, params(`${positions}.weight`)) : x;

const settle = (
  x: Value,
  { norm }: Pick<Stage, "norm">,
  { spec, params }: Pick<Setting, "spec" | "params">,
): Value => (norm ? normed(x, spec, within(params, norm)) : x);

/** The state before the first loop; undefined where the first loop reads the embedding alone. */
export function firstState({ start, inject }: Spec, embedding: Value): Value | undefined {
  if (start === "zeros" || (start === "ones" && inject === "multiply")) return undefined;
  return start === "ones" ? broadcastTo(embedding.builder.scalar(1), embedding.shape) : embedding;
}

/** What the model reads, embedded: [N, d]. */
function readIn(builder: GraphBuilder, spec: Spec, params: Params, batch: number, tokens: number): Value {
  const rows = batch * tokens;
  if (spec.readout.kind === "tokens") {
    const ids = builder.input("tokens", [batch, tokens], "int");
    return reshape(gather(params("embed.tokens.weight"), ids), [rows, spec.width]);
  }
  const { inputs } = spec.readout;
  const prompts = reshape(builder.input("prompts", [batch, tokens, inputs]), [rows, inputs]);
  return linear(prompts, params("embed.vectors.weight"), params("embed.vectors.bias"));
}

/** What rotary positions do to the queries and keys of texts from their beginning; undefined without them. */
function rotation(builder: GraphBuilder, spec: Spec, tokens: number): AttentionOptions["turn"] {
  if (spec.positions.kind !== "rotary") return undefined;
  const { cos, sin, shape } = turnTable(tokens, headWidth(spec), spec.positions.base);
  const turns = { cos: builder.constant(cos, shape), sin: builder.constant(sin, shape) };
  return (heads) => turned(heads, turns);
}

/** Rows [N, d] of `batch` texts from their first position on, with a learned vector added for each position. */
function withPositions(x: Value, table: Value, batch: number): Value {
  const [rows, width] = x.shape as [number, number];
  const tokens = rows / batch;
  return reshape(add(reshape(x, [batch, tokens, width]), slice(table, 0, 0, tokens)), [rows, width]);
}

/** The norm of a spec with the gain and bias below `params`. */
function normed(x: Value, spec: Spec, params: Params, gain = true): Value {
  const own = gain ? params("weight") : undefined;
  const { kind, bias, epsilon } = spec.norm;
  return kind === "rms"
    ? rmsNormed(x, epsilon, own)
    : layerNormed(x, epsilon, own, bias ? params("bias") : undefined);
}

/**
 * What is read out of states [N, d] after the final norm: logits [N, vocab], by a head that may be the token
 * embedding, or vectors [N, outputs].
 */
export function readOut(builder: GraphBuilder, spec: Spec, hidden: Value): Value {
  const params = parameterInputs(builder, spec);
  if (hasVectors(spec)) return linear(hidden, params("readout.weight"), params("readout.bias"));
  return matmul(hidden, tokenHead(builder, spec), { transB: true });
}

/** The head [vocab, d] of a model of tokens; throws MODEL_VECTORS. */
export function tokenHead(builder: GraphBuilder, spec: Spec): Value {
  if (hasVectors(spec)) throw readsVectors(spec.family);
  const isTied = spec.readout.kind === "tokens" && spec.readout.tied;
  return parameterInputs(builder, spec)(isTied ? "embed.tokens.weight" : "readout.weight");
}

/** Gates and scales of one block in one loop. */
export interface BlockModulation {
  readonly attention: Modulation;
  readonly mlp: Modulation;
}

/** What blocks have besides their setting. */
interface BlocksOptions extends LoopOptions {
  readonly stage: StageName;
  /** What is added before each block. */
  readonly injected?: Value | undefined;
}

function blocks(
  x: Value,
  names: readonly string[],
  { spec, params, batch, attend, turn }: Setting,
  { stage, injected, modulations, recompute }: BlocksOptions,
): Value {
  return names.reduce((state, name, index) => {
    const apply = () => {
      const entered = injected ? add(state, injected) : state;
      return applyBlock(entered, spec, within(params, name), {
        batch,
        attend: attend(stage, index),
        turn,
        modulation: modulations?.[index],
      });
    };
    return recompute ? x.builder.recomputed(apply) : apply();
  }, x);
}

/** What one block has besides its own parameters. */
interface BlockSurroundings {
  readonly batch: number;
  readonly attend: Attend;
  readonly turn: AttentionOptions["turn"];
  readonly modulation: BlockModulation | undefined;
}

/** x [N, d] after attention and after the feed-forward network. */
function applyBlock(
  x: Value,
  spec: Spec,
  params: Params,
  { batch, attend, turn, modulation }: BlockSurroundings,
): Value {
  const ofAttention = within(params, "attention");
  const mixed = withPart(x, spec, ofAttention, modulation?.attention, (read, told) =>
    attention(read, ofAttention, { ...spec.attention, batch, turn }, attend, told),
  );
  const ofMlp = within(params, "mlp");
  return withPart(mixed, spec, ofMlp, modulation?.mlp, (read, told) => mlp(read, ofMlp, spec.mlp, told));
}

/**
 * x and what a part of a block makes of it, normed where the spec says: `pre` x + f(n x), `post` x + n'(f x),
 * `branch` x + n'(f(n x)), `sum` n'(x + f(n x)).
 */
function withPart(
  x: Value,
  spec: Spec,
  params: Params,
  told: Modulation | undefined,
  part: (read: Value, modulation: Modulation) => Value,
): Value {
  const { reads, writes } = normPlaces(spec);
  const read = reads ? normedInput(x, spec, within(params, "norm"), told ?? {}) : undefined;
  const made = read ? part(read.x, read.modulation) : part(x, {});
  const afterwards = (value: Value) =>
    writes ? normed(value, spec, within(params, "outputNorm"), spec.norm.gain) : value;
  return spec.norm.placement === "sum" ? afterwards(add(x, made)) : add(x, afterwards(made));
}

/** What a linear layer reads after a block's norm. LayerNorm's gain and bias go into the layer's weights. */
function normedInput(x: Value, spec: Spec, params: Params, told: Modulation) {
  const { kind, gain: hasGain, bias: hasBias, epsilon } = spec.norm;
  if (kind === "rms") return { x: normed(x, spec, params, hasGain), modulation: told };
  const row = (name: string) => reshape(params(name), [1, spec.width]);
  const gain = hasGain ? row("weight") : undefined;
  const bias = hasBias ? row("bias") : undefined;
  const { factor, gate } = told;
  const times = (value: Value) => (factor ? mul(value, factor) : value);
  const modulation = { factor: gain ? times(gain) : factor, shift: bias && times(bias), gate };
  return { x: layerNormed(x, epsilon), modulation };
}

/**
 * What each loop's conditioning does to each block, for M loops at once: [M, 4 d] a block, from the inputs `t`
 * and `dt` [M]; undefined where the model is not conditioned.
 */
export function modulationRows(
  builder: GraphBuilder,
  spec: Spec,
  loops: number,
  route = "",
): readonly Value[] | undefined {
  if (!isConditioned(spec)) return undefined;
  const params = parameterInputs(builder, spec);
  const scalars = ["t", "dt"].map((name) => `${route}${name}`);
  const embedded = embedderNames(spec).map((embedder, index) =>
    embedScalars(builder.input(scalars[index] as string, [loops]), within(params, embedder)),
  );
  const condition = silu(embedded.reduce((sum, part) => add(sum, part)));
  return stages(spec).core.blocks.map((block) => {
    const adaln = within(params, `${block}.modulation`);
    return linear(condition, adaln("weight"), adaln("bias"));
  });
}

/**
 * Rows [n, 4 d] in the official order: gate of attention, gate of the mlp, scale of attention, scale of the mlp.
 * A scale s multiplies by 1 + s.
 */
export function blockModulation(rows: Value): BlockModulation {
  const width = (rows.shape[1] as number) / 4;
  const chunk = (index: number) => slice(rows, 1, index * width, (index + 1) * width);
  return {
    attention: { gate: chunk(0), factor: add(chunk(2), 1) },
    mlp: { gate: chunk(1), factor: add(chunk(3), 1) },
  };
}

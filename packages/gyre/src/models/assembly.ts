import type { GraphBuilder } from "../graph/builder.ts";
import { add, gather, matmul, reshape, silu, slice } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import {
  type Attend,
  attention,
  causal,
  embedScalars,
  linear,
  type Modulation,
  mlp,
  norm,
  type Params,
  within,
} from "../nn/layers.ts";
import { contextExceeded } from "./errors.ts";
import { blockName, embedderNames, isConditioned, parameters } from "./parameters.ts";
import type { Spec } from "./spec.ts";

// Shapes: N = batch * tokens, d width, M loops.

export interface ForwardOptions {
  readonly batch: number;
  readonly tokens: number;
  readonly loops: number;
  /** Prefix of the inputs `t` and `dt` [M] of this run's trajectory; runs of one graph need different ones. */
  readonly route?: string;
  /** Numbers of loops after which the hidden state is read; only the last one by default. */
  readonly taps?: readonly number[];
  /** Rebuild each loop's activations in the backward pass instead of keeping them. */
  readonly recompute?: boolean;
  /** Rows of attention computed at a time; all by default. */
  readonly tile?: number;
}

/** The parameters of a model as inputs of a graph, by official name. */
export function parameterInputs(builder: GraphBuilder, spec: Spec): Params {
  const all = parameters(spec);
  return (name) => builder.input(name, all.get(name)?.shape ?? []);
}

/**
 * The one assembly: embed, run the core `loops` times, normalise. Reads the input `tokens` [B, T] and returns
 * the hidden states [N, d] after the final norm, by number of loops (LoopFormer, section 3; models/*.py).
 */
export function forward(
  builder: GraphBuilder,
  spec: Spec,
  options: ForwardOptions,
): ReadonlyMap<number, Value> {
  const { batch, tokens, loops, route, taps = [loops], recompute = false, tile = tokens } = options;
  if (tokens > spec.context) throw contextExceeded(tokens, spec.context);
  const params = parameterInputs(builder, spec);
  const ids = builder.input("tokens", [batch, tokens], "int");
  const positions = slice(params("transformer.wpe.weight"), 0, 0, tokens);
  const embedded = add(gather(params("transformer.wte.weight"), ids), positions);
  const modulations = modulationRows(builder, spec, loops, route);
  const attend = causal(batch, spec.heads, tile);

  let x = reshape(embedded, [batch * tokens, spec.width]);
  const states = new Map<number, Value>();
  for (let loop = 0; loop < loops; loop++) {
    const told = modulations?.map((rows) => blockModulation(slice(rows, 0, loop, loop + 1)));
    const run = () => core(x, spec, params, told, () => attend);
    x = recompute ? builder.recomputed(run) : run();
    if (taps.includes(loop + 1)) states.set(loop + 1, norm(x, params("transformer.norm_f.weight")));
  }
  return states;
}

/** Logits [N, vocab] of hidden states [N, d]: the head is tied to the token embedding. */
export function readOut(builder: GraphBuilder, spec: Spec, hidden: Value): Value {
  return matmul(hidden, parameterInputs(builder, spec)("transformer.wte.weight"), { transB: true });
}

/** Gates and scales of one block in one loop. */
export interface BlockModulation {
  readonly attention: Modulation;
  readonly mlp: Modulation;
}

/** One loop: the blocks of the core, one after the other, x [N, d] -> [N, d]. */
export function core(
  x: Value,
  spec: Spec,
  params: Params,
  modulations: readonly BlockModulation[] | undefined,
  attend: (block: number) => Attend,
): Value {
  let state = x;
  for (let block = 0; block < spec.layers; block++) {
    const own = within(params, blockName(spec, block));
    state = applyBlock(state, spec, own, modulations?.[block], attend(block));
  }
  return state;
}

function applyBlock(
  x: Value,
  spec: Spec,
  params: Params,
  mod: BlockModulation | undefined,
  attend: Attend,
): Value {
  const gain = (name: string) => (spec.normGain ? params(name) : undefined);

  const forAttention = norm(x, gain("norm_1.weight"));
  const mixed = attention(forAttention, within(params, "attn"), spec, attend, mod?.attention);
  const between = add(x, mixed);
  const forMlp = norm(between, gain("norm_2.weight"));
  return add(between, mlp(forMlp, within(params, "mlp"), spec.bias, spec.activation, mod?.mlp));
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
  return Array.from({ length: spec.layers }, (_, block) => {
    const adaln = within(params, `${blockName(spec, block)}.adaLN_modulation.1`);
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

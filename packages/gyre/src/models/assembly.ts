import type { GraphBuilder } from "../graph/builder.ts";
import { add, gather, matmul, reshape, silu, slice } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import {
  attention,
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
  const { batch, tokens, loops, taps = [loops], recompute = false } = options;
  if (tokens > spec.context) throw contextExceeded(tokens, spec.context);
  const params = parameterInputs(builder, spec);
  const ids = builder.input("tokens", [batch, tokens], "int");
  const positions = slice(params("transformer.wpe.weight"), 0, 0, tokens);
  const embedded = add(gather(params("transformer.wte.weight"), ids), positions);
  const modulations = blockModulations(builder, spec, params, options);

  let x = reshape(embedded, [batch * tokens, spec.width]);
  const states = new Map<number, Value>();
  for (let loop = 0; loop < loops; loop++) {
    const run = () => core(x, spec, params, (block) => modulations?.(loop, block), options);
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
interface BlockModulation {
  readonly attention: Modulation;
  readonly mlp: Modulation;
}

function core(
  x: Value,
  spec: Spec,
  params: Params,
  modulation: (block: number) => BlockModulation | undefined,
  options: ForwardOptions,
): Value {
  let state = x;
  for (let block = 0; block < spec.layers; block++) {
    state = applyBlock(state, spec, within(params, blockName(spec, block)), modulation(block), options);
  }
  return state;
}

function applyBlock(
  x: Value,
  spec: Spec,
  params: Params,
  mod: BlockModulation | undefined,
  options: ForwardOptions,
): Value {
  const { batch, tokens, tile = tokens } = options;
  const shape = { batch, tokens, heads: spec.heads, tile };
  const gain = (name: string) => (spec.normGain ? params(name) : undefined);

  const forAttention = norm(x, gain("norm_1.weight"));
  const mixed = attention(forAttention, within(params, "attn"), spec.bias, shape, mod?.attention);
  const between = add(x, mixed);
  const forMlp = norm(between, gain("norm_2.weight"));
  return add(between, mlp(forMlp, within(params, "mlp"), spec.bias, spec.activation, mod?.mlp));
}

/**
 * Modulations of every loop and block, computed for all loops at once: [M, 4 d] a block, in the official order
 * gate of attention, gate of the mlp, scale of attention, scale of the mlp.
 */
function blockModulations(
  builder: GraphBuilder,
  spec: Spec,
  params: Params,
  { loops, route = "" }: ForwardOptions,
) {
  if (!isConditioned(spec)) return undefined;
  const scalars = ["t", "dt"].map((name) => `${route}${name}`);
  const embedded = embedderNames(spec).map((embedder, index) =>
    embedScalars(builder.input(scalars[index] as string, [loops]), within(params, embedder)),
  );
  const condition = silu(embedded.reduce((sum, part) => add(sum, part)));
  const perBlock = Array.from({ length: spec.layers }, (_, block) => {
    const adaln = within(params, `${blockName(spec, block)}.adaLN_modulation.1`);
    return linear(condition, adaln("weight"), adaln("bias"));
  });
  return (loop: number, block: number): BlockModulation => {
    const row = slice(perBlock[block] as Value, 0, loop, loop + 1);
    const chunk = (index: number) => slice(row, 1, index * spec.width, (index + 1) * spec.width);
    return { attention: { gate: chunk(0), scale: chunk(2) }, mlp: { gate: chunk(1), scale: chunk(3) } };
  };
}

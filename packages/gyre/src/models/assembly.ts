import type { GraphBuilder } from "../graph/builder.ts";
import { add, gather, matmul, mul, reshape, silu, slice } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { attention, embedScalars, linear, mlp, norm, type Params, within } from "../nn/layers.ts";
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

/** Gates and scales of one block in one loop, each [1, d]; in the official order. */
interface Modulation {
  readonly gateAttention: Value;
  readonly gateMlp: Value;
  readonly scaleAttention: Value;
  readonly scaleMlp: Value;
}

function core(
  x: Value,
  spec: Spec,
  params: Params,
  modulation: (block: number) => Modulation | undefined,
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
  mod: Modulation | undefined,
  options: ForwardOptions,
): Value {
  const { batch, tokens, tile = tokens } = options;
  const shape = { batch, tokens, heads: spec.heads, tile };
  const scaled = (value: Value, scale: Value | undefined) => (scale ? mul(value, add(scale, 1)) : value);
  const gated = (value: Value, gate: Value | undefined) => (gate ? mul(value, gate) : value);
  const gain = (name: string) => (spec.normGain ? params(name) : undefined);

  const forAttention = scaled(norm(x, gain("norm_1.weight")), mod?.scaleAttention);
  const mixed = attention(forAttention, within(params, "attn"), spec.bias, shape);
  const between = add(x, gated(mixed, mod?.gateAttention));
  const forMlp = scaled(norm(between, gain("norm_2.weight")), mod?.scaleMlp);
  return add(between, gated(mlp(forMlp, within(params, "mlp"), spec.bias, spec.activation), mod?.gateMlp));
}

/** Modulations of every loop and block, computed for all loops at once: [M, 4 d] a block. */
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
  return (loop: number, block: number): Modulation => {
    const row = slice(perBlock[block] as Value, 0, loop, loop + 1);
    const chunk = (index: number) => slice(row, 1, index * spec.width, (index + 1) * spec.width);
    return { gateAttention: chunk(0), gateMlp: chunk(1), scaleAttention: chunk(2), scaleMlp: chunk(3) };
  };
}

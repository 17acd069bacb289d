import { FEATURES } from "../nn/layers.ts";
import { rng } from "../util/rng.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import type { Spec } from "./spec.ts";

type Init = { readonly std: number } | { readonly fill: number };

export interface Parameter {
  readonly shape: readonly number[];
  readonly init: Init;
}

/** Where block j lives, in the official tensor names. */
export const blockName = (spec: Spec, block: number): string =>
  spec.family === "gpt" ? `transformer.h.${block}` : `transformer.h.blocks.${block}`;

export const isConditioned = (spec: Spec): boolean => spec.conditioning !== "none";

/** The embedders of a conditioned model: of time (or loop index), and of step size. */
export function embedderNames(spec: Spec): string[] {
  if (spec.conditioning === "none") return [];
  return spec.conditioning === "time" ? ["time_embedder", "dt_embedder"] : ["time_embedder"];
}

/**
 * Every parameter by its official name, with shape and initial distribution (LoopFormer code,
 * `_init_weights`): N(0, 0.02), residual projections N(0, 0.02 / sqrt(2 k)), gains one, biases zero.
 */
export function parameters(spec: Spec): ReadonlyMap<string, Parameter> {
  const { width, mlp, vocab, context, layers, bias } = spec;
  const all = new Map<string, Parameter>();
  const normal = { std: 0.02 };
  const residual = { std: 0.02 / Math.sqrt(2 * layers) };
  const weight = (name: string, shape: readonly number[], init: Init = normal) =>
    all.set(name, { shape, init });
  const linear = (name: string, out: number, input: number, init: Init = normal, withBias = bias) => {
    weight(`${name}.weight`, [out, input], init);
    if (withBias) weight(`${name}.bias`, [out], { fill: 0 });
  };
  weight("transformer.wte.weight", [vocab, width]);
  weight("transformer.wpe.weight", [context, width]);
  for (let block = 0; block < layers; block++) {
    const name = blockName(spec, block);
    if (spec.normGain) weight(`${name}.norm_1.weight`, [width], { fill: 1 });
    linear(`${name}.attn.c_attn`, 3 * width, width);
    linear(`${name}.attn.c_proj`, width, width, residual);
    if (spec.normGain) weight(`${name}.norm_2.weight`, [width], { fill: 1 });
    linear(`${name}.mlp.c_fc`, mlp, width);
    linear(`${name}.mlp.c_proj`, width, mlp, residual);
    if (isConditioned(spec)) {
      const init = spec.adalnInit === "zero" ? { fill: 0 } : normal;
      linear(`${name}.adaLN_modulation.1`, 4 * width, width, init, true);
    }
  }
  weight("transformer.norm_f.weight", [width], { fill: 1 });
  for (const embedder of embedderNames(spec)) {
    linear(`${embedder}.mlp.0`, width, FEATURES, normal, true);
    linear(`${embedder}.mlp.2`, width, width, normal, true);
  }
  return all;
}

/** Number of parameters, the tied head counted once; no weight is allocated. */
export function parameterCount(spec: Spec): number {
  return [...parameters(spec).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** Freshly drawn weights: a pure function of spec and seed, each tensor from its own stream. */
export function initialWeights(spec: Spec, seed: number): Map<string, Tensor<Float32Array>> {
  const weights = new Map<string, Tensor<Float32Array>>();
  for (const [name, { shape, init }] of parameters(spec)) {
    const data = new Float32Array(sizeOf(shape));
    if ("fill" in init) data.fill(init.fill);
    else {
      const random = rng(seed, "init", name);
      for (let index = 0; index < data.length; index++) data[index] = init.std * random.normal();
    }
    weights.set(name, { data, shape });
  }
  return weights;
}

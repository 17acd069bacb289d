import { FEATURES } from "../nn/layers.ts";
import { rng } from "../util/rng.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import { hasVectors, type Spec } from "./spec.ts";

export type Init = { readonly std: number } | { readonly fill: number } | { readonly bound: number };

export interface Parameter {
  readonly shape: readonly number[];
  readonly init: Init;
}

/** Layers that run one after the other, and what is put around them; names below which parameters live. */
export interface Stage {
  readonly blocks: readonly string[];
  readonly positions: string | undefined;
  readonly norm: string | undefined;
}
export type StageName = "prelude" | "core" | "coda";

/** Where each stage lives, in the official tensor names; the names of preludes and codas are ours. */
export function stages(spec: Spec): Readonly<Record<StageName, Stage>> {
  const roots = hasVectors(spec)
    ? { prelude: "_prelude.transformer", core: "_backbone.transformer", coda: "_coda.transformer" }
    : { prelude: "transformer.prelude", core: "transformer", coda: "transformer.coda" };
  const isFramed = (name: StageName) => spec.frame === "loop" && spec.layers[name] > 0;
  const stage = (name: StageName): Stage => ({
    blocks: Array.from({ length: spec.layers[name] }, (_, block) =>
      hasVectors(spec) || spec.family === "gpt" || name !== "core"
        ? `${roots[name]}.h.${block}`
        : `${roots[name]}.h.blocks.${block}`,
    ),
    positions: name === "core" || (name === "prelude" && isFramed(name)) ? `${roots[name]}.wpe` : undefined,
    norm: name === "core" || isFramed(name) ? `${roots[name]}.${normWord(spec)}_f` : undefined,
  });
  return { prelude: stage("prelude"), core: stage("core"), coda: stage("coda") };
}

/** How norms are called: `ln` in the in-context models' official code, `norm` in the language models'. */
export const normWord = (spec: Spec): string => (hasVectors(spec) ? "ln" : "norm");

export const isConditioned = (spec: Spec): boolean => spec.conditioning.kind !== "none";

/** The embedders of a conditioned model: of time (or loop index), and of step size. */
export function embedderNames(spec: Spec): string[] {
  if (spec.conditioning.kind === "none") return [];
  return spec.conditioning.kind === "time" ? ["time_embedder", "dt_embedder"] : ["time_embedder"];
}

/** Notes parameters by name. */
class Table {
  readonly all = new Map<string, Parameter>();
  readonly #spec: Spec;
  constructor(spec: Spec) {
    this.#spec = spec;
  }

  weight(name: string, shape: readonly number[], init: Init = { std: 0.02 }): void {
    this.all.set(name, { shape, init });
  }

  linear(name: string, [out, input]: readonly [number, number], bias: boolean, init?: Init): void {
    this.weight(`${name}.weight`, [out, input], init);
    if (bias) this.weight(`${name}.bias`, [out], init && "bound" in init ? init : { fill: 0 });
  }

  norm(name: string, gain = true): void {
    const { width, norm } = this.#spec;
    if (gain) this.weight(`${name}.weight`, [width], { fill: 1 });
    if (norm.bias) this.weight(`${name}.bias`, [width], { fill: 0 });
  }

  stage({ blocks, positions, norm }: Stage, isCore: boolean): void {
    const { width, attention, mlp, norm: norms, conditioning, context } = this.#spec;
    const residual = { std: 0.02 / Math.sqrt(2 * blocks.length) };
    if (positions) this.weight(`${positions}.weight`, [context, width]);
    for (const name of blocks) {
      this.norm(`${name}.${normWord(this.#spec)}_1`, norms.gain);
      this.linear(`${name}.attn.c_attn`, [3 * width, width], attention.bias);
      this.linear(`${name}.attn.c_proj`, [width, width], attention.bias, residual);
      this.norm(`${name}.${normWord(this.#spec)}_2`, norms.gain);
      this.linear(`${name}.mlp.c_fc`, [mlp.width, width], mlp.bias);
      this.linear(`${name}.mlp.c_proj`, [width, mlp.width], mlp.bias, residual);
      if (isCore && isConditioned(this.#spec)) {
        const init = conditioning.init === "zero" ? { fill: 0 } : { std: 0.02 };
        this.linear(`${name}.adaLN_modulation.1`, [4 * width, width], true, init);
      }
    }
    if (norm) this.norm(norm);
  }
}

/**
 * Every parameter by its official name, with shape and initial distribution (LoopFormer code and Looped
 * Transformer code, `_init_weights`): N(0, 0.02), residual projections N(0, 0.02 / sqrt(2 k)) of a stage of k
 * layers, gains one, biases zero; read-in and read-out uniform, as torch's linear layers start.
 */
export function parameters(spec: Spec): ReadonlyMap<string, Parameter> {
  const { width, readout, vocab } = spec;
  const table = new Table(spec);
  const read = (name: string, out: number, input: number) =>
    table.linear(name, [out, input], true, { bound: 1 / Math.sqrt(input) });
  if (readout.kind === "vectors") read("_read_in", width, readout.inputs);
  else table.weight("transformer.wte.weight", [vocab, width]);
  const { prelude, core, coda } = stages(spec);
  table.stage(prelude, false);
  table.stage(core, true);
  table.stage(coda, false);
  if (readout.kind === "vectors") read("_read_out", readout.outputs, width);
  for (const embedder of embedderNames(spec)) {
    table.linear(`${embedder}.mlp.0`, [width, FEATURES], true);
    table.linear(`${embedder}.mlp.2`, [width, width], true);
  }
  return table.all;
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
    const random = rng(seed, "init", name);
    if ("fill" in init) data.fill(init.fill);
    else
      for (let index = 0; index < data.length; index++)
        data[index] = "std" in init ? init.std * random.normal() : init.bound * (2 * random.uniform() - 1);
    weights.set(name, { data, shape });
  }
  return weights;
}

import { FEATURES } from "../nn/embed.ts";
import { rng } from "../util/rng.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import { firstName } from "./first-names.ts";
import { headWidth, type Spec } from "./spec.ts";

/** How a parameter starts: normal with a deviation, one value, or uniform up to a bound. */
export type Init = { readonly std: number } | { readonly fill: number } | { readonly bound: number };

/** A tensor of weights before it has values: its shape and its start. */
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
/** The layers that run before the loops, in them, and after them. */
export type StageName = "prelude" | "core" | "coda";

/** Where the parameters of each stage live. With `frame: "loop"` a stage has positions and a norm of its own. */
export function stages(spec: Spec): Readonly<Record<StageName, Stage>> {
  const isLearned = spec.positions.kind === "learned";
  const stage = (name: StageName): Stage => {
    const isFramed = spec.frame === "loop" && spec.layers[name] > 0;
    return {
      blocks: Array.from({ length: spec.layers[name] }, (_, block) => `${name}.${block}`),
      positions: isFramed && isLearned && name !== "coda" ? `${name}.positions` : undefined,
      norm: isFramed ? `${name}.norm` : undefined,
    };
  };
  return { prelude: stage("prelude"), core: stage("core"), coda: stage("coda") };
}

/** What is put around the whole run, with `frame: "run"`. */
export function frame(spec: Spec): Pick<Stage, "positions" | "norm"> {
  if (spec.frame === "loop") return { positions: undefined, norm: undefined };
  const positions = spec.positions.kind === "learned" ? "embed.positions" : undefined;
  return { positions, norm: "readout.norm" };
}

/** Which norms the two parts of a block have: of what they read, of what they write. */
export function normPlaces({ norm }: Spec): { readonly reads: boolean; readonly writes: boolean } {
  return { reads: norm.placement !== "post", writes: norm.placement !== "pre" };
}

export const isConditioned = (spec: Spec): boolean => spec.conditioning.kind !== "none";

/** The embedders of a conditioned model: of the loop's index, or of its time and step size. */
export function embedderNames({ conditioning }: Spec): string[] {
  return { none: [], loop: ["loop"], time: ["time", "step"] }[conditioning.kind];
}

/** The standard deviation that weights start with unless told (GPT-2; LoopFormer code, `_init_weights`). */
const initStd = 0.02;

/** Notes parameters by name. */
class Table {
  readonly all = new Map<string, Parameter>();
  readonly #spec: Spec;
  constructor(spec: Spec) {
    this.#spec = spec;
  }

  weight(name: string, shape: readonly number[], init: Init = { std: initStd }): void {
    this.all.set(name, { shape, init });
  }

  linear(name: string, [out, input]: readonly [number, number], bias: boolean, init?: Init): void {
    this.weight(`${name}.weight`, [out, input], init);
    if (bias) this.weight(`${name}.bias`, [out], init && "bound" in init ? init : { fill: 0 });
  }

  norm(name: string | undefined, gain = true): void {
    const { width, norm } = this.#spec;
    if (name === undefined) return;
    if (gain) this.weight(`${name}.weight`, [width], { fill: 1 });
    if (norm.bias) this.weight(`${name}.bias`, [width], { fill: 0 });
  }

  positions(name: string | undefined): void {
    if (name) this.weight(`${name}.weight`, [this.#spec.context, this.#spec.width]);
  }

  blocks(names: readonly string[], isConditioned: boolean): void {
    const { width, attention, mlp, norm, conditioning } = this.#spec;
    const { reads, writes } = normPlaces(this.#spec);
    const residual = { std: initStd / Math.sqrt(2 * names.length) };
    for (const name of names) {
      const projected = (attention.heads + 2 * attention.keyValueHeads) * headWidth(this.#spec);
      if (reads) this.norm(`${name}.attention.norm`, norm.gain);
      this.linear(`${name}.attention.qkv`, [projected, width], attention.bias);
      this.linear(`${name}.attention.output`, [width, width], attention.bias, residual);
      if (writes) this.norm(`${name}.attention.outputNorm`, norm.gain);
      if (reads) this.norm(`${name}.mlp.norm`, norm.gain);
      if (mlp.gated) this.linear(`${name}.mlp.gate`, [mlp.width, width], mlp.bias);
      this.linear(`${name}.mlp.up`, [mlp.width, width], mlp.bias);
      this.linear(`${name}.mlp.down`, [width, mlp.width], mlp.bias, residual);
      if (writes) this.norm(`${name}.mlp.outputNorm`, norm.gain);
      if (isConditioned) {
        const init = conditioning.init === "zero" ? { fill: 0 } : { std: initStd };
        this.linear(`${name}.modulation`, [4 * width, width], true, init);
      }
    }
  }
}

/**
 * Every parameter by name, with shape and initial distribution (LoopFormer code and Looped Transformer code,
 * `_init_weights`): N(0, 0.02), residual projections N(0, 0.02 / sqrt(2 k)) of a stage of k layers, gains one,
 * biases zero; vectors are read in and out by uniform weights, as torch's linear layers start. The order decides in
 * which order gradients are summed into their norm.
 */
export function parameters(spec: Spec): ReadonlyMap<string, Parameter> {
  const { width, readout, vocab } = spec;
  const table = new Table(spec);
  const read = (name: string, out: number, input: number) =>
    table.linear(name, [out, input], true, { bound: 1 / Math.sqrt(input) });
  if (readout.kind === "vectors") read("embed.vectors", width, readout.inputs);
  else table.weight("embed.tokens.weight", [vocab, width]);
  const { prelude, core, coda } = stages(spec);
  const around = frame(spec);
  table.positions(prelude.positions);
  table.blocks(prelude.blocks, false);
  table.norm(prelude.norm);
  table.positions(core.positions ?? around.positions);
  table.blocks(core.blocks, isConditioned(spec));
  table.norm(core.norm ?? around.norm);
  table.blocks(coda.blocks, false);
  table.norm(coda.norm);
  if (readout.kind === "vectors") read("readout", readout.outputs, width);
  else if (!readout.tied) table.weight("readout.weight", [vocab, width]);
  for (const embedder of embedderNames(spec)) {
    table.linear(`${embedder}.0`, [width, FEATURES], true);
    table.linear(`${embedder}.1`, [width, width], true);
  }
  return table.all;
}

/** Number of parameters, a tied head counted once; no weight is allocated. */
export function parameterCount(spec: Spec): number {
  return [...parameters(spec).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/**
 * Freshly drawn weights: a pure function of its arguments, each tensor from a stream of its own, by its first name.
 * With another `std` than 0.02 every normal draw grows or shrinks in proportion, residual projections too.
 */
export function initialWeights(spec: Spec, seed: number, std = initStd): Map<string, Tensor<Float32Array>> {
  const scale = std / initStd;
  const weights = new Map<string, Tensor<Float32Array>>();
  for (const [name, { shape, init }] of parameters(spec)) {
    const data = new Float32Array(sizeOf(shape));
    const random = rng(seed, "init", firstName(spec, name));
    if ("fill" in init) data.fill(init.fill);
    else
      for (let index = 0; index < data.length; index++)
        data[index] =
          "std" in init ? init.std * scale * random.normal() : init.bound * (2 * random.uniform() - 1);
    weights.set(name, { data, shape });
  }
  return weights;
}

import { parseSpec, type Spec } from "./spec.ts";

/** What a reader chooses of a language model; everything else follows from the preset. */
export interface Size {
  readonly vocab: number;
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly mlp: number;
  readonly layers: number;
  readonly loops?: number;
}
export type PresetOptions = Partial<Pick<Spec, "bias" | "activation" | "adalnInit">>;

/** What a reader chooses of a model that learns in its context. */
export interface PromptSize {
  /** Width of a token. */
  readonly inputs: number;
  /** Width of a prediction; 1 by default. */
  readonly outputs?: number;
  /** Longest prompt in tokens. */
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  /** Four times the width by default. */
  readonly mlp?: number;
  /** Layers of the core; 1 by default, 12 for `transformer`. */
  readonly layers?: number;
  readonly loops?: number;
}
export type PromptPresetOptions = Partial<Pick<Spec, "bias" | "activation" | "inject" | "prelude" | "coda">>;

const plain = {
  conditioning: "none",
  normGain: true,
  norm: "rms",
  frame: "run",
  start: "embedding",
} as const;
/** As in GPT-2, with positions and final norm in every loop (Looped Transformer code, nano_gpt.py). */
const inContext = { ...plain, norm: "layer", frame: "loop" } as const;

/** The literature as a table: each model is a row of one assembly. */
const families = {
  /** Base, k x 1: a decoder-only transformer (LoopFormer code, models/base.py). */
  gpt: { ...plain, family: "gpt" },
  /** Base-Loop, k x L: the same blocks applied L times (models/base_loop.py). */
  baseLoop: { ...plain, family: "baseLoop" },
  /** TMLT: each loop modulated by its index (Xu and Sato, arXiv 2410.01405; models/tmlt.py). */
  tmlt: { ...plain, family: "tmlt", conditioning: "loop", normGain: false },
  /** LoopFormer: each loop modulated by time and step size (arXiv 2602.11451; models/loopformer.py). */
  loopformer: { ...plain, family: "loopformer", conditioning: "time", normGain: false },
} as const satisfies Record<string, Partial<Spec>>;

/** The rows whose tokens are vectors: models that learn from the examples in their prompt. */
const promptFamilies = {
  /** Baseline: L layers, once; `everyLayer` adds the input at each (Looped Transformer code, TransformerModel). */
  transformer: { ...inContext, family: "transformer", inject: "none" },
  /** Baseline: one layer tied over the depth, the input only at the start (TransformerModelTying). */
  tiedTransformer: { ...inContext, family: "tiedTransformer", inject: "none" },
  /** Looped Transformer: z <- f(z + x), or f(z x) from ones (Yang et al., arXiv 2311.12424). */
  loopedTransformer: { ...inContext, family: "loopedTransformer", inject: "add", start: "zeros" },
  /** AlgoFormer: a looped core between a pre- and a post-transformer (Gao et al., arXiv 2402.13572). */
  algoformer: { ...inContext, family: "algoformer", inject: "add", start: "zeros", prelude: 1, coda: 1 },
} as const satisfies Record<string, Partial<Spec>>;

export type FamilyName = keyof typeof families;
export const familyNames = Object.keys(families) as FamilyName[];
export type PromptFamilyName = keyof typeof promptFamilies;
export const promptFamilyNames = Object.keys(promptFamilies) as PromptFamilyName[];

function preset(name: FamilyName, size: Size, options: PresetOptions): Spec {
  const loops = size.loops ?? (name === "gpt" ? 1 : 8);
  return parseSpec({
    ...size,
    loops,
    bias: false,
    activation: "gelu",
    adalnInit: "official",
    ...options,
    ...families[name],
  });
}

function promptPreset(name: PromptFamilyName, size: PromptSize, options: PromptPresetOptions): Spec {
  const { inputs, outputs = 1, mlp = 4 * size.width, ...rest } = size;
  const isOnce = name === "transformer";
  return parseSpec({
    layers: isOnce ? 12 : 1,
    loops: isOnce ? 1 : 12,
    ...rest,
    mlp,
    vectors: { inputs, outputs },
    bias: true,
    activation: "geluTanh",
    adalnInit: "official",
    ...promptFamilies[name],
    ...options,
    ...(options.inject === "multiply" ? { start: "ones" } : {}),
  });
}

export const gpt = (size: Size, options: PresetOptions = {}): Spec => preset("gpt", size, options);
export const baseLoop = (size: Size, options: PresetOptions = {}): Spec => preset("baseLoop", size, options);
export const tmlt = (size: Size, options: PresetOptions = {}): Spec => preset("tmlt", size, options);
export const loopformer = (size: Size, options: PresetOptions = {}): Spec =>
  preset("loopformer", size, options);
export const presets = { gpt, baseLoop, tmlt, loopformer } as const;

/** The standard transformer in context; `inject: "everyLayer"` adds the input at each layer. */
export const transformer = (
  size: PromptSize,
  options: Pick<PromptPresetOptions, "bias" | "activation"> & { inject?: "none" | "everyLayer" } = {},
): Spec => promptPreset("transformer", size, options);
/** One layer applied `loops` times, which sees the input only at the start. */
export const tiedTransformer = (
  size: PromptSize,
  options: Pick<PromptPresetOptions, "bias" | "activation"> = {},
): Spec => promptPreset("tiedTransformer", size, options);
/** z <- f(z + x), or f(z x) with `inject: "multiply"`. */
export const loopedTransformer = (
  size: PromptSize,
  options: Pick<PromptPresetOptions, "bias" | "activation"> & { inject?: "add" | "multiply" } = {},
): Spec => promptPreset("loopedTransformer", size, options);
/** A looped core that reads what a prelude made of the prompt, and that a coda reads. */
export const algoformer = (
  size: PromptSize,
  options: Pick<PromptPresetOptions, "bias" | "activation" | "prelude" | "coda"> = {},
): Spec => promptPreset("algoformer", size, options);
export const promptPresets = { transformer, tiedTransformer, loopedTransformer, algoformer } as const;

import * as z from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { most } from "../util/limits.ts";
import { badSpec } from "./errors.ts";
import { parseSpec, type Spec, specSchema } from "./spec.ts";

const { vocab, context, width, loops, layers, attention, mlp, conditioning, inject } = specSchema.shape;

/** The size of a model, as flags and recipes say it: short names for what a spec nests. */
export const sizeSchema = z.strictObject({
  vocab: vocab.unwrap(),
  layers: layers.shape.core.default(2).describe("core layers"),
  loops: loops.optional().describe("how often the core runs at full depth; by default 6, and 1 for a gpt"),
  width: width.default(192).describe("width of the residual stream"),
  heads: attention.shape.heads.default(6),
  mlp: mlp.shape.width.default(512),
  context: context.default(128).describe("longest text in tokens"),
});

/** What a preset leaves open besides the size. */
export const presetOptionsSchema = z.strictObject({
  bias: attention.shape.bias.unwrap().optional().describe("biases in attention, feed-forward and LayerNorm"),
  activation: mlp.shape.activation
    .unwrap()
    .optional()
    .describe("activation of the feed-forward network; by default gelu"),
  adalnInit: conditioning
    .unwrap()
    .shape.init.unwrap()
    .optional()
    .describe("initial modulation weights: N(0, 0.02) as in the official code, the default, or zero"),
  inject: inject
    .unwrap()
    .optional()
    .describe(
      "how the embedding enters every loop again; by default add for loopedTransformer and algoformer, else none",
    ),
  prelude: layers.shape.prelude
    .unwrap()
    .optional()
    .describe("layers that run once, before the core; by default 1 for an algoformer, else 0"),
  coda: layers.shape.coda
    .unwrap()
    .optional()
    .describe("layers that run once, after the core; by default 1 for an algoformer, else 0"),
  readout: z
    .enum(["tied", "untied"])
    .optional()
    .describe("tied: the head is the embedding (the default); untied: it has weights of its own"),
});

/** The size and options of a model that learns in its context; its tokens are vectors. */
export const promptSizeSchema = z.strictObject({
  context,
  width,
  heads: attention.shape.heads,
  loops: loops.optional(),
  inputs: z.int().positive().max(most.width).describe("width of a token"),
  outputs: z.int().positive().max(most.width).optional().describe("width of a prediction; 1"),
  mlp: mlp.shape.width
    .optional()
    .describe("hidden width of the feed-forward network; by default four times the width"),
  layers: layers.shape.core.optional().describe("layers of the core; by default 1, and 12 for `transformer`"),
});
export const promptOptionsSchema = presetOptionsSchema.omit({ adalnInit: true, readout: true });

/** What a reader chooses of a language model; everything else follows from the preset. */
export type Size = Readonly<z.input<typeof sizeSchema>>;
/** What may be chosen of a preset for language models, apart from its size. */
export type PresetOptions = Readonly<z.infer<typeof presetOptionsSchema>>;
/** What a reader chooses of a model that learns in its context. */
export type PromptSize = Readonly<z.infer<typeof promptSizeSchema>>;
/** What may be chosen of a preset for prompts, apart from its size. */
export type PromptPresetOptions = Readonly<z.infer<typeof promptOptionsSchema>>;

/** What a row of the literature fixes, apart from size and options. */
interface Row {
  readonly family: Spec["family"];
  readonly norm?: Pick<Spec["norm"], "kind"> | Pick<Spec["norm"], "gain">;
  readonly conditioning?: Pick<Spec["conditioning"], "kind">;
  readonly inject?: Spec["inject"];
  readonly start?: Spec["start"];
  readonly frame?: Spec["frame"];
}

/** The literature as a table: each model is a row of one assembly. */
const families = {
  /** Base, k x 1: a decoder-only transformer (LoopFormer code, models/base.py). */
  gpt: { family: "gpt" },
  /** Base-Loop, k x L: the same blocks applied L times (models/base_loop.py). */
  baseLoop: { family: "baseLoop" },
  /** TMLT: each loop modulated by its index (Xu and Sato, arXiv 2410.01405; models/tmlt.py). */
  tmlt: { family: "tmlt", conditioning: { kind: "loop" }, norm: { gain: false } },
  /** LoopFormer: each loop modulated by time and step size (arXiv 2602.11451; models/loopformer.py). */
  loopformer: { family: "loopformer", conditioning: { kind: "time" }, norm: { gain: false } },
} as const satisfies Record<string, Row>;

/** As in GPT-2, with positions and final norm in every loop (Looped Transformer code, nano_gpt.py). */
const inContext = { norm: { kind: "layer" }, frame: "loop" } as const;

/** The rows whose tokens are vectors: models that learn from the examples in their prompt. */
const promptFamilies = {
  /** Baseline: L layers, once; `everyLayer` adds the input at each (Looped Transformer code, TransformerModel). */
  transformer: { ...inContext, family: "transformer" },
  /** Baseline: one layer tied over the depth, the input only at the start (TransformerModelTying). */
  tiedTransformer: { ...inContext, family: "tiedTransformer" },
  /** Looped Transformer: z <- f(z + x), or f(z x) from ones (Yang et al., arXiv 2311.12424). */
  loopedTransformer: { ...inContext, family: "loopedTransformer", inject: "add", start: "zeros" },
  /** AlgoFormer: a looped core between a pre- and a post-transformer (Gao et al., arXiv 2402.13572). */
  algoformer: { ...inContext, family: "algoformer", inject: "add", start: "zeros" },
} as const satisfies Record<string, Row>;

/** A preset of the literature for language models. */
export type FamilyName = keyof typeof families;
/** The presets for language models. */
export const familyNames = Object.keys(families) as FamilyName[];
/** A preset of the literature for models that learn in their context. */
export type PromptFamilyName = keyof typeof promptFamilies;
/** The presets for models that learn in their context. */
export const promptFamilyNames = Object.keys(promptFamilies) as PromptFamilyName[];

/** Rows of either kind that read tokens of a vocabulary: `--family` and recipes say which. */
const { loopedTransformer: looped, algoformer: framed } = promptFamilies;
const tokenFamilies = { ...families, loopedTransformer: looped, algoformer: framed } as const;
type TokenFamilyName = keyof typeof tokenFamilies;

/** A size with its defaults; throws SPEC_INVALID listing every problem. */
function sized(size: Size): z.output<typeof sizeSchema> {
  const { success, data, error } = sizeSchema.safeParse(size, { error: inWords });
  if (success) return data;
  throw badSpec(problemsOf(error, "size"));
}

function preset(name: TokenFamilyName, size: Size, options: PresetOptions): Spec {
  const { heads, mlp, layers, loops = name === "gpt" ? 1 : 6, ...sizes } = sized(size);
  const row: Row = tokenFamilies[name];
  const isAsGpt2 = row.norm !== undefined && "kind" in row.norm;
  const around = name === "algoformer" ? 1 : 0;
  const { bias = isAsGpt2, activation = isAsGpt2 ? "geluTanh" : undefined, inject = row.inject } = options;
  return parseSpec({
    ...sizes,
    ...row,
    loops,
    layers: { prelude: options.prelude ?? around, core: layers, coda: options.coda ?? around },
    attention: { heads, bias },
    mlp: { width: mlp, activation, bias },
    norm: isAsGpt2 ? { ...row.norm, bias } : row.norm,
    conditioning: { ...row.conditioning, init: options.adalnInit },
    inject,
    start: inject === "multiply" ? "ones" : row.start,
    readout: { kind: "tokens", tied: options.readout !== "untied" },
  });
}

/** The row `name` with any of the options that some row has: recipes say which. Throws SPEC_INVALID. */
export function promptPreset(name: PromptFamilyName, size: PromptSize, options: PromptPresetOptions): Spec {
  const row: Row = promptFamilies[name];
  const isOnce = name === "transformer";
  const { inputs, outputs = 1, heads, mlp = 4 * size.width, ...rest } = size;
  const { layers = isOnce ? 12 : 1, loops = isOnce ? 1 : 12, ...sizes } = rest;
  const { bias = true, activation = "geluTanh", inject = row.inject } = options;
  const around = name === "algoformer" ? 1 : 0;
  return parseSpec({
    ...sizes,
    ...row,
    loops,
    layers: { prelude: options.prelude ?? around, core: layers, coda: options.coda ?? around },
    attention: { heads, bias },
    mlp: { width: mlp, activation, bias },
    norm: { ...row.norm, bias },
    inject,
    start: inject === "multiply" ? "ones" : row.start,
    readout: { kind: "vectors", inputs, outputs },
  });
}

/** The standard transformer: every layer runs once. */
export const gpt = (size: Size, options: PresetOptions = {}): Spec => preset("gpt", size, options);
/** Base-Loop: the core runs `loops` times, and nothing tells it which loop it is in (LoopFormer, section 4). */
export const baseLoop = (size: Size, options: PresetOptions = {}): Spec => preset("baseLoop", size, options);
/** The time-modulated looped transformer: every loop is told the time t, and not the step size (LoopFormer, section 4). */
export const tmlt = (size: Size, options: PresetOptions = {}): Spec => preset("tmlt", size, options);
/** LoopFormer: every loop is told the time t and the step size dt (arXiv 2602.11451). */
export const loopformer = (size: Size, options: PresetOptions = {}): Spec =>
  preset("loopformer", size, options);
/** The presets for language models, by name. */
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
/** The presets for models that learn in their context, by name. */
export const promptPresets = { transformer, tiedTransformer, loopedTransformer, algoformer } as const;

/** A language model in few words, as recipes and flags say it. */
export const modelSchema = z.strictObject({
  family: z
    .enum(Object.keys(tokenFamilies) as TokenFamilyName[])
    .default("loopformer")
    .describe("the preset"),
  ...sizeSchema.omit({ vocab: true }).shape,
  ...presetOptionsSchema.shape,
});
/** A language model in few words, as recipes and flags say it. */
export type ModelInput = Readonly<z.input<typeof modelSchema>>;

/** The spec of a language model in few words, over a vocabulary. Throws SPEC_INVALID. */
export function modelSpec(model: ModelInput, vocab: number): Spec {
  const { family = "loopformer", layers, loops, width, heads, mlp, context, ...options } = model;
  return preset(family, { layers, loops, width, heads, mlp, context, vocab }, options);
}

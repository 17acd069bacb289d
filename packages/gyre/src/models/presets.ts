import { parseSpec, type Spec } from "./spec.ts";

/** What a reader chooses; everything else follows from the preset. */
export interface Size {
  readonly vocab: number;
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly mlp: number;
  readonly layers: number;
  readonly loops?: number;
}
type Options = Partial<Pick<Spec, "bias" | "activation" | "adalnInit">>;
type Family = Pick<Spec, "family" | "conditioning" | "normGain">;

/** The literature as a table: each model is a row of one assembly. */
const families = {
  /** Base, k x 1: a decoder-only transformer (LoopFormer code, models/base.py). */
  gpt: { family: "gpt", conditioning: "none", normGain: true },
  /** Base-Loop, k x L: the same blocks applied L times (models/base_loop.py). */
  baseLoop: { family: "baseLoop", conditioning: "none", normGain: true },
  /** TMLT: each loop modulated by its index (Xu and Sato, arXiv 2410.01405; models/tmlt.py). */
  tmlt: { family: "tmlt", conditioning: "loop", normGain: false },
  /** LoopFormer: each loop modulated by time and step size (arXiv 2602.11451; models/loopformer.py). */
  loopformer: { family: "loopformer", conditioning: "time", normGain: false },
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof families;
export const familyNames = Object.keys(families) as FamilyName[];

function preset(name: FamilyName, size: Size, options: Options): Spec {
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

export const gpt = (size: Size, options: Options = {}): Spec => preset("gpt", size, options);
export const baseLoop = (size: Size, options: Options = {}): Spec => preset("baseLoop", size, options);
export const tmlt = (size: Size, options: Options = {}): Spec => preset("tmlt", size, options);
export const loopformer = (size: Size, options: Options = {}): Spec => preset("loopformer", size, options);
export const presets = { gpt, baseLoop, tmlt, loopformer } as const;

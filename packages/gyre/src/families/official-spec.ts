import { presets, type Size } from "../models/presets.ts";
import type { Spec } from "../models/spec.ts";
import { notOfficial } from "./errors.ts";

/** The fields of an official config.json or case file that decide a model. */
export interface OfficialShape {
  readonly model_type: "base" | "base_loop" | "tmlt" | "loopformer";
  readonly vocab_size: number;
  readonly block_size: number;
  readonly n_embd: number;
  readonly n_head: number;
  readonly n_layer: number;
  readonly intermediate_dim: number;
  readonly bias: boolean;
}

const families = { base: "gpt", base_loop: "baseLoop", tmlt: "tmlt", loopformer: "loopformer" } as const;

/** The spec of an official model; `loops` is its full depth and is ignored for `base`. */
export function specFromOfficial(config: OfficialShape, loops: number): Spec {
  const family = families[config.model_type];
  const size: Size = {
    vocab: config.vocab_size,
    context: config.block_size,
    width: config.n_embd,
    heads: config.n_head,
    mlp: config.intermediate_dim,
    layers: config.n_layer,
    loops: family === "gpt" ? 1 : loops,
  };
  return presets[family](size, { bias: config.bias });
}

/** What the official fields cannot say, and so must be as the preset has it. */
const kept = [
  "activation",
  "conditioning",
  "normGain",
  "norm",
  "prelude",
  "coda",
  "start",
  "inject",
  "frame",
] as const;

/**
 * The official fields of a spec, which `specFromOfficial` turns back into it, up to `loops` and the initial
 * weights. Throws SPEC_NOT_OFFICIAL for a spec that these fields cannot express.
 */
export function officialShape(spec: Spec): OfficialShape {
  const [type] = Object.entries(families).find(([, family]) => family === spec.family) ?? [];
  if (!type) throw notOfficial([`family: ${spec.family}, which has no config.json`]);
  const shape: OfficialShape = {
    model_type: type as OfficialShape["model_type"],
    vocab_size: spec.vocab,
    block_size: spec.context,
    n_embd: spec.width,
    n_head: spec.heads,
    n_layer: spec.layers,
    intermediate_dim: spec.mlp,
    bias: spec.bias,
  };
  const back = specFromOfficial(shape, spec.loops);
  const lost = kept.filter((key) => spec[key] !== back[key]);
  if (lost.length > 0) {
    throw notOfficial(lost.map((key) => `${key}: ${spec[key]}, where ${type} has ${back[key]}`));
  }
  return shape;
}

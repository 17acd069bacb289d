import { firstName } from "../models/first-names.ts";
import { presets, type Size } from "../models/presets.ts";
import type { Spec } from "../models/spec.ts";
import { notOfficial } from "./errors.ts";
import type { Family } from "./family.ts";
import { headName } from "./match.ts";

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
  /** Whether the head is the embedding, as in the official code; true where left out. */
  readonly tie_word_embeddings?: boolean | undefined;
}

const presetNames = { base: "gpt", base_loop: "baseLoop", tmlt: "tmlt", loopformer: "loopformer" } as const;

/** The language models of the LoopFormer repository (Jeddi, Ciccone and Taati, arXiv 2602.11451; models/). */
export const loopformer: Family = {
  name: "loopformer",
  presets: Object.values(presetNames),
  tensorName: (spec, name) => (name === "readout.weight" ? headName : firstName(spec, name)),
};

/** The spec of an official model; `loops` is its full depth and is ignored for `base`. */
export function specFromOfficial(config: OfficialShape, loops: number): Spec {
  const family = presetNames[config.model_type];
  const size: Size = {
    vocab: config.vocab_size,
    context: config.block_size,
    width: config.n_embd,
    heads: config.n_head,
    mlp: config.intermediate_dim,
    layers: config.n_layer,
    loops: family === "gpt" ? 1 : loops,
  };
  const readout = config.tie_word_embeddings === false ? "untied" : "tied";
  return presets[family](size, { bias: config.bias, readout });
}

/** What decides a model, field by field, but its full depth and its initial weights. */
function fieldsOf({ loops: _, conditioning, ...spec }: Spec): Map<string, unknown> {
  const flat = (value: unknown, path: string): [string, unknown][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, path === "" ? key : `${path}.${key}`))
      : [[path, value]];
  return new Map(flat({ ...spec, conditioning: { kind: conditioning.kind } }, ""));
}

/**
 * The official fields of a spec, which `specFromOfficial` turns back into it, up to `loops` and the initial
 * weights. Throws SPEC_NOT_OFFICIAL for a spec that these fields cannot express.
 */
export function officialShape(spec: Spec): OfficialShape {
  const [type] = Object.entries(presetNames).find(([, family]) => family === spec.family) ?? [];
  if (!type) throw notOfficial([`family: ${spec.family}, which has no config.json`]);
  const shape: OfficialShape = {
    model_type: type as OfficialShape["model_type"],
    vocab_size: spec.vocab,
    block_size: spec.context,
    n_embd: spec.width,
    n_head: spec.attention.heads,
    n_layer: spec.layers.core,
    intermediate_dim: spec.mlp.width,
    bias: spec.attention.bias,
    tie_word_embeddings: spec.readout.kind === "vectors" || spec.readout.tied,
  };
  const back = fieldsOf(specFromOfficial(shape, spec.loops));
  const lost = [...fieldsOf(spec)].filter(([field, value]) => value !== back.get(field));
  if (lost.length > 0) {
    throw notOfficial(
      lost.map(([field, value]) => `${field}: ${value}, where ${type} has ${back.get(field)}`),
    );
  }
  return shape;
}

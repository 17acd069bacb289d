import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { officialNames, toOfficialNames, toOwnNames } from "../../src/families/index.ts";
import { initialWeights, parameters } from "../../src/models/parameters.ts";
import {
  algoformer,
  baseLoop,
  loopformer,
  presets,
  promptPresets,
  transformer,
} from "../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../src/models/spec.ts";
import { changed } from "../models/tiny.ts";

const size = { vocab: 11, context: 6, width: 8, heads: 2, mlp: 12, layers: 2 };
const prompts = { inputs: 5, context: 23, width: 8, heads: 2 };
const specs: Readonly<Record<string, Spec>> = {
  ...Object.fromEntries(Object.entries(presets).map(([name, of]) => [name, of(size, { bias: true })])),
  ...Object.fromEntries(Object.entries(promptPresets).map(([name, of]) => [name, of(prompts)])),
};
const officialOf = (spec: Spec) => [...officialNames(spec).values()];

describe("official names", () => {
  test("of a LoopFormer", () => {
    const block = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"].map((name) => `${name}.weight`);
    const modulation = ["adaLN_modulation.1.weight", "adaLN_modulation.1.bias"];
    const embedder = (name: string) =>
      [0, 2].flatMap((at) => [`${name}.mlp.${at}.weight`, `${name}.mlp.${at}.bias`]);
    expect(officialOf(loopformer({ ...size, layers: 1 }))).toEqual([
      "transformer.wte.weight",
      "transformer.wpe.weight",
      ...[...block, ...modulation].map((name) => `transformer.h.blocks.0.${name}`),
      "transformer.norm_f.weight",
      ...embedder("time_embedder"),
      ...embedder("dt_embedder"),
    ]);
  });

  test("of the other language models: gains, no level of its own for blocks that run once", () => {
    const names = (spec: Spec) => officialOf(spec).filter((name) => name.includes(".1.norm_2"));
    expect(names(presets.gpt(size))).toEqual(["transformer.h.1.norm_2.weight"]);
    expect(names(baseLoop(size))).toEqual(["transformer.h.blocks.1.norm_2.weight"]);
    expect(officialOf(presets.tmlt(size)).at(-1)).toBe("time_embedder.mlp.2.bias");
  });

  test("of the in-context models", () => {
    const block = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"];
    const layer = block.flatMap((name) => [`h.0.${name}.weight`, `h.0.${name}.bias`]);
    const backbone = ["wpe.weight", ...layer, "ln_f.weight", "ln_f.bias"];
    expect(officialOf(transformer({ ...prompts, layers: 1 }))).toEqual([
      "_read_in.weight",
      "_read_in.bias",
      ...backbone.map((name) => `_backbone.transformer.${name}`),
      "_read_out.weight",
      "_read_out.bias",
    ]);
    const names = officialOf(algoformer(prompts));
    expect(names.filter((name) => /_(prelude|coda)\..*(wpe|ln_f)/.test(name))).toEqual([
      "_prelude.transformer.wpe.weight",
      "_prelude.transformer.ln_f.weight",
      "_prelude.transformer.ln_f.bias",
      "_coda.transformer.ln_f.weight",
      "_coda.transformer.ln_f.bias",
    ]);
  });

  test("of a language model with more stages than its code has", () => {
    const spec = parseSpec(changed(baseLoop(size), { layers: { prelude: 1, coda: 1 }, frame: "loop" }));
    const names = officialOf(spec).filter((name) => /mlp.c_fc|wpe|norm_f/.test(name));
    expect(names).toEqual([
      "transformer.prelude.wpe.weight",
      "transformer.prelude.h.0.mlp.c_fc.weight",
      "transformer.prelude.norm_f.weight",
      "transformer.wpe.weight",
      "transformer.h.blocks.0.mlp.c_fc.weight",
      "transformer.h.blocks.1.mlp.c_fc.weight",
      "transformer.norm_f.weight",
      "transformer.coda.h.0.mlp.c_fc.weight",
      "transformer.coda.norm_f.weight",
    ]);
  });

  test.each(Object.entries(specs))("of a %s lead back to ours, and ours to themselves", (_, spec) => {
    const own = new Map([...parameters(spec).keys()].map((name) => [name, name]));
    const official = toOfficialNames(spec, own);
    expect(new Set(official.keys()).size).toBe(own.size);
    expect([...official.keys()].filter((name) => own.has(name))).toEqual([]);
    expect([...toOwnNames(spec, official)]).toEqual([...own]);
    expect([...toOwnNames(spec, own)]).toEqual([...own]);
  });
});

// measured when parameters had their first names: what a seed draws may not follow a change of names
test.each([
  ["gpt", "3ff67359bff1cf0c"],
  ["baseLoop", "ac59093f675231ff"],
  ["tmlt", "19b4d726e5134648"],
  ["loopformer", "9bac87c9abb4f8db"],
  ["transformer", "953bc8ba5e38e4ff"],
  ["tiedTransformer", "d202b93462665382"],
  ["loopedTransformer", "d202b93462665382"],
  ["algoformer", "80cbfc8bd78245fa"],
])("seed 7 draws the weights of a %s that it always drew, in their order", (name, expected) => {
  const hash = createHash("sha256");
  for (const { data } of initialWeights(specs[name]!, 7).values())
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  expect(hash.digest("hex").slice(0, 16)).toBe(expected);
});

import { describe, expect, test } from "vitest";
import { initialWeights, parameterCount, parameters } from "../../src/models/parameters.ts";
import { baseLoop, gpt, loopformer, presets, tmlt } from "../../src/models/presets.ts";
import { tinySize } from "./tiny.ts";

const paper = { vocab: 50304, context: 1024, width: 2048, heads: 32, mlp: 5120 };

/** LoopFormer, section 1 of its code: all parameters, the tied head counted once. */
const totals = {
  gpt: { 24: 1_011_189_760, 12: 558_155_776, 6: 331_638_784, 3: 218_380_288, 2: 180_627_456, 1: 142_874_624 },
  baseLoop: { 3: 218_380_288, 2: 180_627_456, 1: 142_874_624 },
  tmlt: { 3: 273_446_912, 2: 218_912_768, 1: 164_378_624 },
  loopformer: { 3: 278_169_600, 2: 223_635_456, 1: 169_101_312 },
} as const;

describe("parameter counts at the paper's size", () => {
  for (const [family, rows] of Object.entries(totals)) {
    test.each(Object.entries(rows))(`${family} with %s layers`, (layers, total) => {
      const preset = presets[family as keyof typeof presets];
      expect(parameterCount(preset({ ...paper, layers: Number(layers) }))).toBe(total);
    });
  }
});

const shapesOf = (spec: Parameters<typeof parameters>[0]) =>
  Object.fromEntries([...parameters(spec)].map(([name, { shape }]) => [name, shape.join("x")]));

test("LoopFormer's 29 tensors of the released checkpoint, in their order", () => {
  const names = Object.entries(shapesOf(loopformer({ ...paper, layers: 3 })));
  expect(names).toHaveLength(29);
  expect(Object.fromEntries(names.filter(([name]) => !/blocks\.[12]\./.test(name)))).toEqual({
    "transformer.wte.weight": "50304x2048",
    "transformer.wpe.weight": "1024x2048",
    "transformer.h.blocks.0.attn.c_attn.weight": "6144x2048",
    "transformer.h.blocks.0.attn.c_proj.weight": "2048x2048",
    "transformer.h.blocks.0.mlp.c_fc.weight": "5120x2048",
    "transformer.h.blocks.0.mlp.c_proj.weight": "2048x5120",
    "transformer.h.blocks.0.adaLN_modulation.1.weight": "8192x2048",
    "transformer.h.blocks.0.adaLN_modulation.1.bias": "8192",
    "transformer.norm_f.weight": "2048",
    "time_embedder.mlp.0.weight": "2048x256",
    "time_embedder.mlp.0.bias": "2048",
    "time_embedder.mlp.2.weight": "2048x2048",
    "time_embedder.mlp.2.bias": "2048",
    "dt_embedder.mlp.0.weight": "2048x256",
    "dt_embedder.mlp.0.bias": "2048",
    "dt_embedder.mlp.2.weight": "2048x2048",
    "dt_embedder.mlp.2.bias": "2048",
  });
});

test("the other families: block names, gains, embedders", () => {
  const block = (names: object) => Object.keys(names).filter((name) => name.includes(".1."));
  const plain = ["norm_1.weight", "attn.c_attn.weight", "attn.c_proj.weight", "norm_2.weight"];
  const rest = ["mlp.c_fc.weight", "mlp.c_proj.weight"];
  expect(block(shapesOf(gpt({ ...tinySize, loops: 1 })))).toEqual(
    [...plain, ...rest].map((name) => `transformer.h.1.${name}`),
  );
  expect(block(shapesOf(baseLoop(tinySize)))).toEqual(
    [...plain, ...rest].map((name) => `transformer.h.blocks.1.${name}`),
  );
  const tmltNames = Object.keys(shapesOf(tmlt(tinySize)));
  expect(tmltNames.filter((name) => name.includes("embedder"))).toEqual(
    ["0.weight", "0.bias", "2.weight", "2.bias"].map((name) => `time_embedder.mlp.${name}`),
  );
  expect(tmltNames.filter((name) => name.includes("norm_1"))).toEqual([]);
});

test("biases add one vector to each linear layer of the blocks, and nothing else", () => {
  const without = shapesOf(loopformer(tinySize));
  const withBias = shapesOf(loopformer(tinySize, { bias: true }));
  const added = Object.entries(withBias).filter(([name]) => !(name in without));
  expect(added.filter(([name]) => name.includes(".0."))).toEqual([
    ["transformer.h.blocks.0.attn.c_attn.bias", "24"],
    ["transformer.h.blocks.0.attn.c_proj.bias", "8"],
    ["transformer.h.blocks.0.mlp.c_fc.bias", "12"],
    ["transformer.h.blocks.0.mlp.c_proj.bias", "8"],
  ]);
  expect(added).toHaveLength(8);
});

const wide = { vocab: 300, context: 64, width: 64, heads: 4, mlp: 160, layers: 3, loops: 4 };
const stdOf = (data: Float32Array) => {
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  return { mean, std: Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length) };
};

describe("initial weights", () => {
  test("every tensor has its distribution: within five standard errors", () => {
    for (const [name, { data, shape }] of initialWeights(loopformer(wide, { bias: true }), 1)) {
      if (shape.length === 1) {
        const fill = name.endsWith("norm_f.weight") ? 1 : 0;
        expect(data.every((x) => x === fill)).toBe(true);
        continue;
      }
      const { mean, std } = stdOf(data);
      const expected = name.endsWith("c_proj.weight") ? 0.02 / Math.sqrt(2 * 3) : 0.02;
      expect(Math.abs(std / expected - 1), name).toBeLessThan(5 / Math.sqrt(2 * data.length));
      expect(Math.abs(mean / expected), name).toBeLessThan(5 / Math.sqrt(data.length));
    }
  });

  test("adalnInit zero clears the modulation's weights and nothing else", () => {
    const official = initialWeights(loopformer(wide), 1);
    for (const [name, { data }] of initialWeights(loopformer(wide, { adalnInit: "zero" }), 1)) {
      if (name.includes("adaLN")) expect(data.every((x) => x === 0)).toBe(true);
      else expect(data).toEqual(official.get(name)?.data);
    }
    const drawn = official.get("transformer.h.blocks.0.adaLN_modulation.1.weight")?.data as Float32Array;
    expect(stdOf(drawn).std).toBeCloseTo(0.02, 3);
  });

  test("gains of the blocks start at one", () => {
    const weights = initialWeights(baseLoop(wide), 1);
    expect(new Set(weights.get("transformer.h.blocks.2.norm_2.weight")?.data)).toEqual(new Set([1]));
  });

  test("are a function of the seed, and each tensor of its own name", () => {
    const first = initialWeights(baseLoop(tinySize), 7);
    expect(initialWeights(baseLoop(tinySize), 7)).toEqual(first);
    const wte = "transformer.wte.weight";
    expect(initialWeights(baseLoop(tinySize), 8).get(wte)?.data).not.toEqual(first.get(wte)?.data);
    expect(initialWeights(baseLoop({ ...tinySize, layers: 5 }), 7).get(wte)).toEqual(first.get(wte));
    const [a, b] = [0, 1].map((block) => first.get(`transformer.h.blocks.${block}.mlp.c_fc.weight`)?.data);
    expect(a).not.toEqual(b);
  });
});

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
  expect(Object.fromEntries(names.filter(([name]) => !/core\.[12]\./.test(name)))).toEqual({
    "embed.tokens.weight": "50304x2048",
    "embed.positions.weight": "1024x2048",
    "core.0.attention.qkv.weight": "6144x2048",
    "core.0.attention.output.weight": "2048x2048",
    "core.0.mlp.up.weight": "5120x2048",
    "core.0.mlp.down.weight": "2048x5120",
    "core.0.modulation.weight": "8192x2048",
    "core.0.modulation.bias": "8192",
    "readout.norm.weight": "2048",
    "time.0.weight": "2048x256",
    "time.0.bias": "2048",
    "time.1.weight": "2048x2048",
    "time.1.bias": "2048",
    "step.0.weight": "2048x256",
    "step.0.bias": "2048",
    "step.1.weight": "2048x2048",
    "step.1.bias": "2048",
  });
});

test("the other families: block names, gains, embedders", () => {
  const block = (names: object) => Object.keys(names).filter((name) => name.includes(".1."));
  const attention = ["attention.norm.weight", "attention.qkv.weight", "attention.output.weight"];
  const mlp = ["mlp.norm.weight", "mlp.up.weight", "mlp.down.weight"];
  const own = [...attention, ...mlp].map((name) => `core.1.${name}`);
  expect(block(shapesOf(gpt({ ...tinySize, loops: 1 })))).toEqual(own);
  expect(block(shapesOf(baseLoop(tinySize)))).toEqual(own);
  const tmltNames = Object.keys(shapesOf(tmlt(tinySize)));
  expect(tmltNames.filter((name) => /^(loop|time|step)\./.test(name))).toEqual(
    ["0.weight", "0.bias", "1.weight", "1.bias"].map((name) => `loop.${name}`),
  );
  expect(tmltNames.filter((name) => name.includes("attention.norm"))).toEqual([]);
});

test("biases add one vector to each linear layer of the blocks, and nothing else", () => {
  const without = shapesOf(loopformer(tinySize));
  const withBias = shapesOf(loopformer(tinySize, { bias: true }));
  const added = Object.entries(withBias).filter(([name]) => !(name in without));
  expect(added.filter(([name]) => name.includes(".0."))).toEqual([
    ["core.0.attention.qkv.bias", "24"],
    ["core.0.attention.output.bias", "8"],
    ["core.0.mlp.up.bias", "12"],
    ["core.0.mlp.down.bias", "8"],
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
        const fill = name.endsWith("norm.weight") ? 1 : 0;
        expect(data.every((x) => x === fill)).toBe(true);
        continue;
      }
      const { mean, std } = stdOf(data);
      const expected = /\.(output|down)\.weight$/.test(name) ? 0.02 / Math.sqrt(2 * 3) : 0.02;
      expect(Math.abs(std / expected - 1), name).toBeLessThan(5 / Math.sqrt(2 * data.length));
      expect(Math.abs(mean / expected), name).toBeLessThan(5 / Math.sqrt(data.length));
    }
  });

  test("adalnInit zero clears the modulation's weights and nothing else", () => {
    const official = initialWeights(loopformer(wide), 1);
    for (const [name, { data }] of initialWeights(loopformer(wide, { adalnInit: "zero" }), 1)) {
      if (name.includes("modulation")) expect(data.every((x) => x === 0)).toBe(true);
      else expect(data).toEqual(official.get(name)?.data);
    }
    const drawn = official.get("core.0.modulation.weight")?.data as Float32Array;
    expect(stdOf(drawn).std).toBeCloseTo(0.02, 3);
  });

  test("another standard deviation scales every normal draw, and leaves gains and uniform draws as they are", () => {
    const usual = initialWeights(loopformer(wide, { bias: true }), 1);
    expect(initialWeights(loopformer(wide, { bias: true }), 1, 0.02)).toEqual(usual);
    for (const [name, { data, shape }] of initialWeights(loopformer(wide, { bias: true }), 1, 0.08)) {
      const own = usual.get(name)?.data as Float32Array;
      if (shape.length === 1) expect(data, name).toEqual(own);
      else
        expect(
          data.every((x, at) => Math.abs(x - 4 * (own[at] as number)) < 1e-7),
          name,
        ).toBe(true);
    }
  });

  test("gains of the blocks start at one", () => {
    const weights = initialWeights(baseLoop(wide), 1);
    expect(new Set(weights.get("core.2.mlp.norm.weight")?.data)).toEqual(new Set([1]));
  });

  test("are a function of the seed, and each tensor of its own name", () => {
    const first = initialWeights(baseLoop(tinySize), 7);
    expect(initialWeights(baseLoop(tinySize), 7)).toEqual(first);
    const wte = "embed.tokens.weight";
    expect(initialWeights(baseLoop(tinySize), 8).get(wte)?.data).not.toEqual(first.get(wte)?.data);
    expect(initialWeights(baseLoop({ ...tinySize, layers: 5 }), 7).get(wte)).toEqual(first.get(wte));
    const [a, b] = [0, 1].map((block) => first.get(`core.${block}.mlp.up.weight`)?.data);
    expect(a).not.toEqual(b);
  });
});

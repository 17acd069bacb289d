import { describe, expect, test } from "vitest";
import { officialShape } from "../../src/families/loopformer.ts";
import { lossGraph } from "../../src/measure/evaluate.ts";
import { epilogueGraph, headGraph, loopGraph, prologueGraph } from "../../src/models/decoding.ts";
import { describe as costs, trainingFlops } from "../../src/models/describe.ts";
import { initialWeights, parameterCount, parameters } from "../../src/models/parameters.ts";
import {
  algoformer,
  loopedTransformer,
  promptFamilyNames,
  promptPresets,
  tiedTransformer,
  transformer,
} from "../../src/models/presets.ts";
import { conditions, parseSpec, type Spec } from "../../src/models/spec.ts";
import { stepGraph } from "../../src/train/objectives/elastic.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { changed } from "./tiny.ts";

/** The size of the Looped Transformer paper: 20 dimensions, 101 points, width 256, 8 heads. */
const paper = { inputs: 20, context: 203, width: 256, heads: 8 };
/** The size of a run on two cores: 5 dimensions, 11 points, width 64. */
const small = { inputs: 5, context: 23, width: 64, heads: 4 };
const outside = (spec: Spec) =>
  [...parameters(spec)]
    .filter(([name]) => /positions|vectors|readout/.test(name))
    .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b), 0);

describe("parameter counts", () => {
  test.each([
    ["one looped layer, printed as 0.79M", loopedTransformer(paper), 790_272],
    ["twelve layers, printed as 9.48M", transformer(paper), 9_477_632],
    ["one tied layer", tiedTransformer(paper), 790_272],
    ["AlgoFormer's three", algoformer(paper), 3 * 790_272],
  ])("%s: the layers and their norms", (_, spec, count) => {
    expect(parameterCount(spec) - outside(spec)).toBe(count);
  });

  test.each([
    [loopedTransformer(small), 52_033],
    [transformer({ ...small, layers: 6 }), 301_953],
    [loopedTransformer({ ...small, inputs: 4, context: 27 }), 52_225],
    [algoformer({ ...small, inputs: 4, context: 27 }), 154_177],
  ])("$family of width 64 with everything", (spec, count) => {
    expect(parameterCount(spec)).toBe(count);
  });

  test("positions, read-in and read-out at the paper's size", () => {
    expect(outside(loopedTransformer(paper))).toBe(51_968 + 5_376 + 257);
    expect(outside(algoformer(paper))).toBe(2 * 51_968 + 5_376 + 257);
  });
});

test("the Looped Transformer has these parameters, in this order", () => {
  const block = [
    "attention.norm",
    "attention.qkv",
    "attention.output",
    "mlp.norm",
    "mlp.up",
    "mlp.down",
  ].flatMap((name) => ["weight", "bias"].map((part) => `core.0.${name}.${part}`));
  expect([...parameters(loopedTransformer(paper)).keys()]).toEqual([
    "embed.vectors.weight",
    "embed.vectors.bias",
    "core.positions.weight",
    ...block,
    "core.norm.weight",
    "core.norm.bias",
    "readout.weight",
    "readout.bias",
  ]);
});

test("initial weights: uniform read-in and read-out, residual projections by the layers of their stage", () => {
  const spec = algoformer({ ...small, layers: 2 }, { prelude: 8 });
  const weights = initialWeights(spec, 1);
  const bound = (name: string) => weights.get(name)!.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const deviation = (name: string) => {
    const { data } = weights.get(name)!;
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  };
  expect(bound("embed.vectors.weight")).toBeLessThanOrEqual(1 / Math.sqrt(5));
  expect(bound("embed.vectors.weight")).toBeGreaterThan(0.95 / Math.sqrt(5));
  expect(bound("embed.vectors.bias")).toBeGreaterThan(0.8 / Math.sqrt(5));
  expect(bound("readout.weight")).toBeLessThanOrEqual(1 / 8);
  expect(deviation("prelude.3.mlp.down.weight")).toBeCloseTo(0.02 / 4, 3);
  expect(deviation("core.1.attention.output.weight")).toBeCloseTo(0.02 / 2, 3);
  expect(deviation("coda.0.mlp.down.weight")).toBeCloseTo(0.02 / Math.SQRT2, 3);
  expect(deviation("core.positions.weight")).toBeCloseTo(0.02, 2);
  expect(new Set(weights.get("coda.norm.weight")?.data)).toEqual(new Set([1]));
});

describe("specs", () => {
  const specs = promptFamilyNames.map((name) => promptPresets[name]({ ...small }));

  test.each(specs)("a $family spec survives JSON", (spec) => {
    expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  test("each preset is a row of the table", () => {
    const row = ({ family, layers, loops, start, inject, frame, norm, mlp }: Spec) =>
      `${family}: ${layers.prelude}+${layers.core}x${loops}+${layers.coda}, ${start}, ${inject}, ${frame}, ` +
      `${norm.kind}, ${mlp.activation}`;
    const multiplied = loopedTransformer(small, { inject: "multiply" });
    expect([...specs, multiplied].map(row)).toEqual([
      "transformer: 0+12x1+0, embedding, none, loop, layer, geluTanh",
      "tiedTransformer: 0+1x12+0, embedding, none, loop, layer, geluTanh",
      "loopedTransformer: 0+1x12+0, zeros, add, loop, layer, geluTanh",
      "algoformer: 1+1x12+1, zeros, add, loop, layer, geluTanh",
      "loopedTransformer: 0+1x12+0, ones, multiply, loop, layer, geluTanh",
    ]);
  });

  test.each([
    [{ vocab: 7 }, "vocab: 7, where tokens are vectors"],
    [{ readout: { inputs: 0 } }, "readout.inputs: must be a number above 0, not 0"],
    [{ readout: { kind: "tokens" } }, "vocab: must be above 0 where tokens come from one"],
    [{ readout: { kind: "pixels" } }, 'readout.kind: must be "tokens" or "vectors", not "pixels"'],
    [{ inject: "none" }, "start: from zeros the embedding must be injected by add"],
    [{ inject: "multiply" }, "start: from zeros the embedding must be injected by add"],
    [{ start: "ones", inject: "everyLayer" }, "start: from ones the embedding must be injected"],
    [{ inject: "concat" }, 'inject: must be "none", "add", "multiply" or "everyLayer", not "concat"'],
    [{ layers: { prelude: -1 } }, "layers.prelude: must be a number of at least 0, not -1"],
  ])("%j is refused", (change, problem) => {
    const error = errorOf(() => parseSpec(changed(loopedTransformer(small), change)));
    expect([error.code, error.detail.given]).toEqual(["SPEC_INVALID", expect.stringContaining(problem)]);
  });

  test("the standard transformer runs its layers once", () => {
    expect(errorOf(() => transformer({ ...small, loops: 2 })).message).toContain(
      "a transformer runs its layers once",
    );
    expect(errorOf(() => conditions(transformer(small), 2)).code).toBe("LOOPS");
  });
});

describe("costs", () => {
  test("count prelude and coda once, and the layers that read in and out", () => {
    const spec = algoformer(small);
    const block = 2 * 12 * 64 * 64 + 2 * 64 * 24;
    const [two, five] = costs(spec, { loops: [2, 5] }).budgets;
    expect([two?.blockPasses, five?.blockPasses]).toEqual([4, 7]);
    expect(two?.flopsPerToken).toBe(4 * block + 2 * 6 * 64);
    const full = 2 * 12 * 64 * 64 + 4 * 64 * 23;
    expect(trainingFlops(spec, 2, 10)).toBe(3 * 10 * (4 * full + 2 * 6 * 64));
  });
});

describe("what only language models do refuses a model of vectors", () => {
  const spec = loopedTransformer(small);
  const call = { sequences: 1, tokens: 1, cached: 0 };

  test("losses and steps on text, and decoding", () => {
    const shape = { batch: 1, tokens: 4, loops: 2 };
    const acts = [
      () => stepGraph(spec, { kind: "final" }, shape),
      () => lossGraph(spec, 2, 1, 4),
      () => prologueGraph(spec, call),
      () => loopGraph(spec, call),
      () => epilogueGraph(spec, call, { reads: true }),
      () => headGraph(spec, 1),
    ];
    expect(acts.map((act) => errorOf(act).code)).toEqual(new Array(6).fill("MODEL_VECTORS"));
    expect(errorOf(acts[0]!).message).toBe(
      "MODEL_VECTORS: a loopedTransformer whose tokens are vectors\n" +
        "  expected: a model of tokens from a vocabulary\n" +
        "  fix: train and evaluate it on prompts; only language models have logits and texts",
    );
  });

  test("its config.json", () => {
    expect(errorOf(() => officialShape(spec)).message).toContain(
      "loopedTransformer, which has no config.json",
    );
  });
});

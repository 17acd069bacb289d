import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { lossGraph } from "../../src/measure/evaluate.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import { parameterCount, parameters } from "../../src/models/parameters.ts";
import { predictionGraph } from "../../src/models/predictions.ts";
import { algoformer, baseLoop, loopformer } from "../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../src/models/spec.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { stepGraph } from "../../src/train/objectives/elastic.ts";
import { rng } from "../../src/util/rng.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { logits, predictions } from "./reference.ts";
import { changed, largestGap, randomInts, randomWeights, tinySize, valuesOf } from "./tiny.ts";

const base = baseLoop({ ...tinySize, heads: 4 });
const layer = { kind: "layer", gain: true, bias: true };
const everything = {
  layers: { prelude: 1, coda: 1 },
  attention: { keyValueHeads: 2, bias: true },
  mlp: { gated: true, activation: "silu", bias: true },
  norm: { placement: "branch", epsilon: 1e-3 },
  positions: { kind: "rotary", base: 100 },
  inject: "add",
  readout: { tied: false },
};
const variants: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "the plain model": {},
  "one head of keys and values": { attention: { keyValueHeads: 1 } },
  "two heads of keys and values, with biases": { attention: { keyValueHeads: 2, bias: true } },
  "rotary positions": { positions: { kind: "rotary", base: 50 } },
  "rotary positions and shared heads": {
    positions: { kind: "rotary", base: 1e4 },
    attention: { keyValueHeads: 2 },
  },
  "rotary positions around every loop": { positions: { kind: "rotary", base: 50 }, frame: "loop" },
  "no positions": { positions: { kind: "none" } },
  "a gated network": { mlp: { gated: true, activation: "silu" } },
  "a gated network with biases and LayerNorm": { mlp: { gated: true, bias: true }, norm: layer },
  "norms after": { norm: { placement: "post" } },
  "norms before and after": { norm: { placement: "branch" } },
  "norms of the sum": { norm: { placement: "sum" } },
  "norms of the sum, with LayerNorm": { norm: { ...layer, placement: "sum" } },
  "norms after, without gains": { norm: { placement: "post", gain: false } },
  "a large epsilon": { norm: { epsilon: 0.3 } },
  "a large epsilon in LayerNorm": { norm: { ...layer, epsilon: 0.3 } },
  "a head of its own": { readout: { tied: false } },
  everything,
};
const specs = Object.entries(variants).map(
  ([name, changes]) => [name, parseSpec(changed(base, changes))] as const,
);

const [batch, tokens, loops] = [2, 5, 3];
const ids = randomInts([batch, tokens], base.vocab, 3);
const targets = randomInts([batch, tokens], base.vocab, 4);
const inputs = (weights: ReadonlyMap<string, Tensor>): [string, Tensor][] => [
  ["tokens", ids],
  ["targets", targets],
  ...weights,
];
const textsOf = (of: Tensor) =>
  Array.from({ length: batch }, (_, at) => [...of.data].slice(at * tokens, (at + 1) * tokens));

function logitsGraph(spec: Spec): Graph {
  const builder = new GraphBuilder();
  const taps = [1, loops];
  const found = forward(builder, spec, { batch, tokens, loops, taps, tile: 2 });
  const read = (loop: number) => readOut(builder, spec, found.get(loop) as Value);
  return builder.graph({ first: read(1), last: read(loops) });
}

const referenceLogits = (spec: Spec, weights: ReadonlyMap<string, Tensor>, loop: number) =>
  textsOf(ids).flatMap((text) => logits(spec, weights, text, loops)[loop - 1]!.flat());

/** Mean cross-entropy of the reference's logits after all loops. */
function referenceLoss(spec: Spec, weights: ReadonlyMap<string, Tensor>): number {
  const losses = textsOf(ids).flatMap((text, index) =>
    logits(spec, weights, text, loops)[loops - 1]!.map((row, t) => {
      const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
      return Math.log(total) - row[textsOf(targets)[index]![t]!]!;
    }),
  );
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

const lossStep = (spec: Spec) => stepGraph(spec, { kind: "final" }, { batch, tokens, loops });

describe.each(specs)("%s", (_, spec) => {
  const weights = randomWeights(spec, 6);

  test("computes what its formula says, after one loop and after all", () => {
    const values = valuesOf(logitsGraph(spec), inputs(weights));
    expect(largestGap(values.get("first")!, referenceLogits(spec, weights, 1))).toBeLessThan(1e-11);
    expect(largestGap(values.get("last")!, referenceLogits(spec, weights, loops))).toBeLessThan(1e-11);
  });

  test("has the gradient of its formula: along three directions, by differences of the fourth order", () => {
    const values = valuesOf(lossStep(spec), inputs(weights));
    expect(Math.abs(values.get("loss")![0]! - referenceLoss(spec, weights))).toBeLessThan(1e-11);
    for (const seed of [1, 2, 3]) {
      const along = [...weights].map(([name, { data, shape }]) => {
        const random = rng(seed, name);
        return { name, shape, data, direction: Float64Array.from(data, () => random.normal()) };
      });
      const at = (step: number) =>
        referenceLoss(
          spec,
          new Map(
            along.map(({ name, shape, data, direction }) => [
              name,
              { shape, data: direction.map((x, index) => data[index]! + step * x) },
            ]),
          ),
        );
      const slope = along.reduce((sum, { name, direction }) => {
        const grad = values.get(`grad/${name}`)!;
        return sum + direction.reduce((total, x, index) => total + x * grad[index]!, 0);
      }, 0);
      const change = (step: number) => (at(step) - at(-step)) / (2 * step);
      const difference = (4 * change(1e-5) - change(2e-5)) / 3;
      expect(Math.abs(slope - difference) / Math.max(1, Math.abs(slope))).toBeLessThan(1e-8);
    }
  });

  test("teaches every parameter", () => {
    const values = valuesOf(lossStep(spec), inputs(weights));
    for (const name of parameters(spec).keys())
      expect(
        values.get(`grad/${name}`)!.some((x) => x !== 0),
        name,
      ).toBe(true);
  });
});

test("onnxruntime computes the same in float32, gradients too, with few rows and with many", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const spec = parseSpec(changed(base, everything));
  const weights = randomWeights(spec, 6);
  const graph = lossStep(spec);
  await using program = await runtime.compile(graph);
  const exact = valuesOf(graph, inputs(weights));
  const given = new Map(
    inputs(weights).filter(([name]) => graph.inputs.some(({ attrs }) => attrs.name === name)),
  );
  for (const [name, { data }] of await program.run(given)) {
    const expected = exact.get(name)!;
    const scale = Math.max(1, ...expected.map(Math.abs));
    expect(largestGap(data, expected) / scale, name).toBeLessThan(2e-5);
  }
});

test("options hold for prompts of vectors, and for evaluation", () => {
  const size = { inputs: 3, context: 6, width: 8, heads: 2, mlp: 12, loops: 2 };
  const { readout: _, inject: _i, layers: _l, ...changes } = everything;
  const spec = parseSpec(changed(algoformer(size), { ...changes, attention: { keyValueHeads: 1 } }));
  const weights = randomWeights(spec, 2);
  const prompt = Array.from({ length: 5 }, (_, t) => [Math.sin(t), Math.cos(3 * t), t / 5]);
  const data = Float64Array.from(prompt.flat());
  const graph = predictionGraph(spec, { batch: 1, tokens: 5, readAt: [0, 4], loops: 2 }, [1, 2]);
  const values = valuesOf(graph, [["prompts", { data, shape: [1, 5, 3] }], ...weights]);
  for (const loop of [1, 2]) {
    const expected = predictions(spec, weights, prompt, 2)[loop - 1]!;
    expect(largestGap(values.get(`prediction/${loop}`)!, [...expected[0]!, ...expected[4]!])).toBeLessThan(
      1e-11,
    );
  }
  const untied = parseSpec(changed(base, { readout: { tied: false } }));
  const head = lossGraph(untied, 1, 1, 4).inputs.map(({ attrs }) => attrs.name);
  expect(head).toContain("readout.weight");
});

test("what options cost in parameters", () => {
  const count = (changes: object) =>
    parameterCount(parseSpec(changed(base, { ...changes }))) - parameterCount(base);
  const { vocab, context, width, mlp, layers } = base;
  expect(count({ attention: { keyValueHeads: 1 } })).toBe(-layers.core * 2 * 3 * 2 * width);
  expect(count({ positions: { kind: "rotary" } })).toBe(-context * width);
  expect(count({ positions: { kind: "none" } })).toBe(-context * width);
  expect(count({ mlp: { gated: true } })).toBe(layers.core * mlp.width * width);
  expect(count({ norm: { placement: "post" } })).toBe(0);
  expect(count({ norm: { placement: "branch" } })).toBe(layers.core * 2 * width);
  expect(count({ norm: { placement: "sum" } })).toBe(layers.core * 2 * width);
  expect(count({ readout: { tied: false } })).toBe(vocab * width);
});

test("with norms that conditioning scales, only those of what blocks read are allowed", () => {
  const error = errorOf(() => parseSpec(changed(loopformer(tinySize), { norm: { placement: "branch" } })));
  expect(error.message).toContain("norm.placement: branch, where conditioning scales what blocks read");
});

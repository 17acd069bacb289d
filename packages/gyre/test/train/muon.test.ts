import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { learnableTokens } from "../../../../scripts/golden-case.ts";
import { presets } from "../../src/models/presets.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { Muon, muonNames } from "../../src/train/muon.ts";
import { parseTraining } from "../../src/train/options.ts";
import { rng } from "../../src/util/rng.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { tinySize } from "../models/tiny.ts";
import { bytesOf, copyOf, options, stepsOf, trained } from "./helpers.ts";

let runtime: OnnxRuntime;
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

type Matrix = number[][];
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) =>
    (b[0] as number[]).map((_, at) => row.reduce((sum, value, k) => sum + value * b[k]![at]!, 0)),
  );
const transposed = (a: Matrix): Matrix => (a[0] as number[]).map((_, at) => a.map((row) => row[at]!));
const combined = (...terms: (readonly [number, Matrix])[]): Matrix =>
  terms[0]![1].map((row, i) => row.map((_, j) => terms.reduce((sum, [by, m]) => sum + by * m[i]![j]!, 0)));
const matrix = (data: ArrayLike<number>, [rows, columns]: readonly [number, number]): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => data[i * columns + j]!));

/** muon.py's zeropower_via_newtonschulz5, in float64 and with its transposition. */
function zeropower(g: Matrix): Matrix {
  if (g.length > g[0]!.length) return transposed(zeropower(transposed(g)));
  const norm = Math.sqrt(g.flat().reduce((sum, value) => sum + value * value, 0)) + 1e-7;
  let x = combined([1 / norm, g]);
  for (let iteration = 0; iteration < 5; iteration++) {
    const gram = product(x, transposed(x));
    const polynomial = combined([-4.775, gram], [2.0315, product(gram, gram)]);
    x = combined([3.4445, x], [1, product(polynomial, x)]);
  }
  return x;
}

describe.each([
  [5, 12],
  [12, 5],
  [8, 8],
] as const)("a matrix of %i x %i", (...shape) => {
  test("moves as muon.py says, in float64, three steps in a row", async () => {
    const [rows, columns] = shape;
    const random = rng(7, "muon", rows);
    const draw = () => Float32Array.from({ length: rows * columns }, () => random.normal());
    const weight = { data: draw(), shape };
    const momenta = new Map([["w", { data: new Float32Array(rows * columns), shape }]]);
    const muon = new Muon(runtime, new Map([["w", weight]]));
    const how = { learningRate: 0.1, weightDecay: 0.3, momentum: 0.9, gradientScale: 0.5 };
    let [w, mean] = [matrix(weight.data, shape), combined([0, matrix(weight.data, shape)])];
    for (let step = 0; step < 3; step++) {
      const gradient = draw();
      await muon.update(() => gradient, momenta, how);
      const g = combined([0.5, matrix(gradient, shape)]);
      mean = combined([0.9, mean], [1 - 0.9, g]);
      const direction = zeropower(combined([0.9, mean], [1 - 0.9, g]));
      w = combined([1 - 0.1 * 0.3, w], [-0.1 * Math.sqrt(Math.max(1, rows / columns)), direction]);
    }
    // five iterations multiply rounding by the polynomial's slope, 3.4 each at most: 5e2 x 6e-8
    for (const [at, value] of w.flat().entries()) expect(weight.data[at]).toBeCloseTo(value, 4);
    for (const [at, value] of mean.flat().entries()) expect(momenta.get("w")?.data[at]).toBeCloseTo(value, 6);
  });
});

describe("training", () => {
  const spec = presets.loopformer(tinySize);
  const data = learnableTokens(400, tinySize.vocab);
  const muon = { steps: 6, optimizer: "muon", objective: { kind: "elastic" } } as const;

  test("matrices of layers are Muon's; embeddings, the readout, gains and biases are AdamW's", async () => {
    const state = initialState(spec, 1);
    const names = muonNames(state.weights);
    expect([...names].every((name) => state.weights.get(name)?.shape.length === 2)).toBe(true);
    expect(names.has("core.0.mlp.up.weight")).toBe(true);
    expect([...names].filter((name) => /^(embed|readout)\./.test(name))).toEqual([]);
    const before = copyOf(state);
    const training = options(spec, { ...muon, steps: 1 });
    await trained({ spec, training, runtime, data, state });
    for (const [name, { data: second }] of state.moments.second)
      expect(
        second.some((value) => value !== 0),
        name,
      ).toBe(!names.has(name));
    // a first step of AdamW is the learning rate, of Muon an orthogonal matrix times its own
    const moved = (name: string) => {
      const [old, now] = [before.weights.get(name)!, state.weights.get(name)!];
      const keep = name.startsWith("core.0.mlp")
        ? 1 - 0.02 * training.weightDecay
        : 1 - 1e-3 * training.weightDecay;
      return now.data.map((value, at) => value - old.data[at]! * keep);
    };
    const { shape } = state.weights.get("core.0.mlp.up.weight")!;
    const size = Math.hypot(...moved("core.0.mlp.up.weight")) / Math.sqrt(Math.min(...shape));
    const rate = 0.02 * Math.sqrt(Math.max(1, shape[0]! / shape[1]!));
    expect(size / rate).toBeGreaterThan(0.6);
    expect(size / rate).toBeLessThan(1.25);
    const largest = Math.max(...moved("embed.tokens.weight").map(Math.abs));
    expect(largest).toBeCloseTo(1e-3, 5);
  });

  test("the loss falls, and going on from a saved state equals a run that never stopped, bit for bit", async () => {
    const training = options(spec, { ...muon, steps: 30, batch: 8, learningRate: 0.01 });
    const kept: TrainState[] = [];
    const save = async (state: TrainState) => void kept.push(copyOf(state));
    const whole = await trained({ spec, training, runtime, data, save, checkpointEvery: 24 });
    const losses = stepsOf(whole.events).map(({ parts }) => parts["long"] ?? Number.NaN);
    expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
    const rest = await trained({ spec, training, runtime, data, state: kept[0] as TrainState });
    expect(bytesOf(rest.state)).toEqual(bytesOf(whole.state));
  });

  test("its own options are for it alone", () => {
    const { detail } = errorOf(() => parseTraining({ muonLearningRate: 0.1, muonMomentum: 0.5 }, spec));
    expect(detail.given).toContain("muonLearningRate: 0.1, where the optimizer is adamw");
    expect(detail.given).toContain("muonMomentum: 0.5, where the optimizer is adamw");
  });
});

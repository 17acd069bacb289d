import { describe, expect, test } from "vitest";
import { type EvaluatePromptsOptions, errorCurve, evaluatePrompts } from "../../src/measure/prompts.ts";
import { baseLoop, transformer } from "../../src/models/presets.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { rng } from "../../src/util/rng.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { tinyLooped as spec, linearTask as task, tinyPrompts } from "../lab/helpers.ts";
import { predictions } from "../models/reference.ts";
import { largestGap, randomWeights, tinySize } from "../models/tiny.ts";
import { localRanks } from "../ranks/local.ts";

const weights = randomWeights(spec, 7);
const base = { spec, weights, runtime: interpreterRuntime(), task, seed: 3, prompts: 6, resamples: 50 };
const evaluate = (changes: Partial<EvaluatePromptsOptions> = {}) => evaluatePrompts({ ...base, ...changes });

test("errors at each reading and number of loops, also beyond the trained one, are those of the model", async () => {
  const { curves, readAt, prompts, scale } = await evaluate({ loops: [4, 2, 9], scale: 2, noise: 0.1 });
  expect({ readAt, prompts, scale }).toEqual({ readAt: [0, 2, 4, 6, 8], prompts: 6, scale: 2 });
  expect(curves.map(({ loops }) => loops)).toEqual([2, 4, 9]);
  const errors = Array.from({ length: 6 }, (_, index) => {
    const stream = `evaluation ${index}`;
    const drawn = task.draw({ seed: 3, stream, batch: 1, points: 5, dims: 2, noise: 0.1 });
    const rows = Array.from({ length: 10 }, (_, t) => [...drawn.tokens.subarray(2 * t, 2 * t + 2)]);
    const at = predictions(spec, weights, rows, 9)[8]!;
    return readAt.map((token, reading) => (at[token]![0]! - drawn.targets[reading]!) ** 2 / 2);
  });
  const mean = readAt.map((_, reading) => errors.reduce((sum, row) => sum + row[reading]!, 0) / 6);
  expect(largestGap(curves[2]!.mean, mean)).toBeLessThan(1e-10);
  const median = readAt.map((_, reading) => {
    const sorted = errors.map((row) => row[reading]!).sort((a, b) => a - b);
    return (sorted[2]! + sorted[3]!) / 2;
  });
  expect(largestGap(curves[2]!.median, median)).toBeLessThan(1e-10);
});

test("chunks change nothing but rounding, and the same seed gives every model the same prompts", async () => {
  const whole = await evaluate({ loops: [1, 3] });
  for (const chunk of [1, 4]) {
    const { curves } = await evaluate({ loops: [1, 3], chunk });
    for (const [index, { mean, low, high, median }] of curves.entries()) {
      const other = whole.curves[index]!;
      const all = [...other.mean, ...other.low, ...other.high, ...other.median];
      expect(largestGap([...mean, ...low, ...high, ...median], all)).toBeLessThan(1e-12);
    }
  }
  expect(await evaluate({ loops: [1, 3], seed: 4 })).not.toEqual(whole);
});

test("ranks share the prompts, and all get the curves of one process", async () => {
  const options = { loops: [1, 3], chunk: 2 };
  const one = await evaluate(options);
  const all = await Promise.all(localRanks(2).map((ranks) => evaluate({ ...options, ranks })));
  expect(all).toEqual([one, one]);
});

test("fewer points and dims are the prompts of a curriculum", async () => {
  const { readAt } = await evaluate({ points: 2, dims: 1 });
  expect(readAt).toEqual([0, 2]);
});

test("the band of a mean has the width of the normal approximation", () => {
  const random = rng(1, "band");
  const errors = Array.from({ length: 2000 }, () => [3 + random.normal(), 5]);
  const { mean, low, high, median } = errorCurve(errors, { seed: 1, resamples: 1000 });
  const half = 1.645 / Math.sqrt(2000);
  expect(mean[0]).toBeCloseTo(3, 1);
  expect(high[0]! - mean[0]!).toBeGreaterThan(0.85 * half);
  expect(high[0]! - mean[0]!).toBeLessThan(1.15 * half);
  expect(mean[0]! - low[0]!).toBeLessThan(1.15 * half);
  expect([mean[1], low[1], high[1], median[1]]).toEqual([5, 5, 5, 5]);
});

describe("what is refused", () => {
  test.each([
    [{ loops: [] }, "loops: []"],
    [{ loops: [0] }, "loops: [0] are no whole numbers above 0"],
    [{ prompts: 1.5 }, "prompts: 1.5"],
    [{ points: 6 }, "points: 6, where linear has 5"],
    [{ dims: 0 }, "dims: 0"],
    [{ scale: 0 }, "scale: 0 is not above 0"],
    [{ spec: baseLoop(tinySize) }, "spec: a baseLoop"],
    [{ spec: transformer({ ...tinyPrompts, loops: 1 }), loops: [2] }, "runs its layers once"],
  ])("%j", async (changes, problem) => {
    const error = await rejectionOf(evaluate(changes));
    expect([error.code, error.detail.given]).toEqual(["LAB_OPTIONS", expect.stringContaining(problem)]);
  });

  test("a signal ends it", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(evaluate({ signal })).rejects.toThrow("enough");
  });
});

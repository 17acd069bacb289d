import { expect, test } from "vitest";
import { measureSpeed } from "../../src/measure/speed.ts";
import { presets } from "../../src/models/presets.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { randomWeights, tinySize } from "../models/tiny.ts";

const spec = presets.loopformer({ ...tinySize, layers: 1, loops: 2 });
const model = { spec, weights: randomWeights(spec, 3), runtime: interpreterRuntime() };

test("speed is measured at each budget, in order", async () => {
  const asked: unknown[] = [];
  const budgets = [2, [0.75, 0.25], 1];
  const options = { prompt: [1], maxTokens: 2, budgets, onBudget: (one: unknown) => asked.push(one) };
  const points = await measureSpeed(model, options);
  expect(points.map(({ loops }) => loops)).toEqual([2, 2, 1]);
  expect(asked).toEqual(budgets);
  for (const { firstTokenMs, tokensPerSecond } of points) {
    expect(firstTokenMs).toBeGreaterThan(0);
    expect(tokensPerSecond).toBeGreaterThan(0);
    expect(tokensPerSecond).toBeLessThan(1e6);
  }
});

test("one token has no speed", async () => {
  const asked = measureSpeed(model, { prompt: [1], maxTokens: 1, budgets: [1] });
  await expect(asked).rejects.toMatchObject({ code: "EVAL_OPTION" });
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  type GoldenCurve,
  goldenCurve,
  goldenLoops,
  goldenSpec,
  goldenTraining,
} from "../../../../scripts/golden-case.ts";

import { parseSpec } from "../../src/models/spec.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { openWebRuntime } from "../../src/runtime/onnx.web.ts";
import { trainingSchema } from "../../src/train/options.ts";

// Compared within what float32 sums in another order may differ by (the two runtimes agree to 3e-7 here).
// golden/tiny-looped.json: ten steps of a tiny LoopFormer, made by the command that it names. It must not move.
const file = new URL("../../../../golden/tiny-looped.json", import.meta.url);
const golden = JSON.parse(readFileSync(file, "utf8")) as GoldenCurve & { spec: unknown; training: unknown };
const tolerance = 1e-5;

test("the file belongs to the model and the options of the script", () => {
  expect(parseSpec(golden.spec)).toEqual(goldenSpec);
  expect(trainingSchema.parse(golden.training)).toEqual(goldenTraining);
});

test.each([
  ["onnxruntime", () => openOnnxRuntime({ threads: 1 })],
  ["onnxruntime-web", async () => (await openWebRuntime({ threads: 1 })).runtime],
  ["the float64 interpreter", async () => interpreterRuntime()],
])("ten steps on %s, and the loss at loops 1, 4 and 8 after them", async (_, open) => {
  await using runtime = await open();
  const curve = await goldenCurve(runtime);
  expect(curve.steps.map(({ shortLoops }) => shortLoops)).toEqual(
    golden.steps.map(({ shortLoops }) => shortLoops),
  );
  for (const [index, step] of golden.steps.entries()) {
    for (const name of ["loss", "lossLong", "lossShort", "consistency", "gradientNorm"] as const) {
      const gap = Math.abs((curve.steps[index]?.[name] ?? Number.NaN) - step[name]);
      expect(gap, `${name} at step ${index + 1}`).toBeLessThan(tolerance);
    }
  }
  for (const loops of goldenLoops) {
    const gap = Math.abs((curve.lossAfter[loops] ?? 0) - (golden.lossAfter[loops] ?? Number.NaN));
    expect(gap, `loss at ${loops} loops`).toBeLessThan(tolerance);
  }
});

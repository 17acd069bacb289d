import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readOfficialFolder } from "../../src/families/official.node.ts";
import { readOfficial } from "../../src/families/official.ts";
import { evaluateAnswers } from "../../src/measure/answers.ts";
import { parameterCount } from "../../src/models/parameters.ts";
import { readReport } from "../../src/report/read.ts";
import type { ReportOf } from "../../src/report/report.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { heldOutProblems } from "../../src/tasks/tokens/grading.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";

// The exported models of models/: what their reports say of the easiest problems comes out again.

test.each([
  ["shuffle", 12],
  ["addition", 2],
])("models/%s answers as its report says, and every loop up to four helps", async (name, asked) => {
  const folder = fileURLToPath(new URL(`../../../../models/${name}/`, import.meta.url));
  const json = JSON.parse(readFileSync(`${folder}report.json`, "utf8"));
  const report = readReport(json) as ReportOf<"answers">;
  const { spec, weights } = readOfficial(await readOfficialFolder(folder));
  const task = tokenTaskNamed(report.task.name, report.task.variant);
  const difficulties = task.scores === "prefixes" ? [asked] : report.difficulties;
  const all = heldOutProblems(task, { seed: 1, count: report.problems, difficulties });
  const problems = all.filter(({ difficulty }) => difficulty === asked);
  const expected = (loops: number) =>
    report.models[0]!.points.find((point) => point.loops === loops)!.scores.filter(({ difficulty }) =>
      asked === 2 ? difficulty === 2 : true,
    );
  expect(parameterCount(spec)).toBe(report.models[0]!.parameters);
  await using runtime = await openOnnxRuntime({ threads: 1 });
  let before = 0;
  for await (const point of evaluateAnswers({ spec, weights, runtime, task, problems, budgets: [1, 2, 4] })) {
    const told = expected(point.loops);
    for (const [at, { right }] of point.scores.entries())
      expect(Math.abs(right - told[at]!.right)).toBeLessThanOrEqual(2);
    expect(point.accuracy).toBeGreaterThan(before);
    before = point.accuracy;
  }
});

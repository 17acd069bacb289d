import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { evaluateAnswers, heldOutProblems, readReport, tokenTaskNamed } from "gyre";
import { importOfficial, loadWeights, openOnnxRuntime } from "gyre/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// The models that are committed: what they are called, how large they are, and that they answer as their reports say.

const root = fileURLToPath(new URL("../models/", import.meta.url));
const names = readdirSync(root);
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-models-"));
});
afterAll(() => rm(folder, { recursive: true }));

const reportOf = (name: string) => {
  const path = join(root, name, "report.json");
  const report = readReport(JSON.parse(readFileSync(path, "utf8")), path);
  if (report.kind !== "answers") throw new Error(`${path}: a report on ${report.kind}`);
  return report;
};

describe.each(names)("models/%s", (name) => {
  const bytesOf = (file: string) => readFileSync(join(root, name, file));

  test("is small, whole, and described", () => {
    const files = readdirSync(join(root, name));
    const bytes = files.reduce((sum, file) => sum + statSync(join(root, name, file)).size, 0);
    expect(bytes).toBeLessThan(1e6);
    for (const line of bytesOf("SHA256SUMS").toString().trimEnd().split("\n")) {
      const [sum, file = ""] = line.split("  ");
      expect(createHash("sha256").update(bytesOf(file)).digest("hex"), file).toBe(sum);
    }
    const points = reportOf(name).models[0]?.points ?? [];
    const card = bytesOf("README.md").toString();
    const row = (title: string, values: readonly unknown[]) => `| ${[title, ...values].join(" | ")} |`;
    expect(card).toContain(
      row(
        "loops",
        points.map(({ loops }) => loops),
      ),
    );
    expect(card).toContain(
      row(
        "mean",
        points.map(({ accuracy }) => accuracy.toFixed(3)),
      ),
    );
    expect(card).toContain(
      row(
        "solved",
        points.map(({ solved }) => solved ?? "none"),
      ),
    );
  });

  test("answers as its report says", async () => {
    const { task: asked, problems: count, difficulties, provenance, models } = reportOf(name);
    const run = await importOfficial(join(root, name), { out: join(folder, name) });
    const { spec } = run.config;
    const { weights } = await loadWeights(run);
    expect(models[0]?.spec).toEqual(spec);
    const task = tokenTaskNamed(asked.name, asked.variant);
    const hardest = asked.scores === "prefixes" ? difficulties.slice(-1) : difficulties;
    const seed = provenance.seeds?.[0] ?? 0;
    const problems = heldOutProblems(task, { seed, count, difficulties: hardest });
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const budgets = [1, Math.ceil(spec.loops / 2), spec.loops];
    for await (const point of evaluateAnswers({ spec, weights, runtime, task, problems, budgets })) {
      const reported = models[0]?.points.find(({ loops }) => loops === point.loops);
      // another machine sums in another order, so that a near tie may fall the other way
      expect(Math.abs(point.accuracy - (reported?.accuracy ?? 0)), `${point.loops} loops`).toBeLessThan(5e-4);
    }
  });
});

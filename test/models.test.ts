import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  evaluate,
  evaluateAnswers,
  heldOutProblems,
  memorySplit,
  readReport,
  splitDocuments,
  tokenTaskNamed,
} from "gyre";
import { evaluatePrompts, vectorTaskNamed } from "gyre/lab";
import { importOfficial, loadCorpus, loadTokenizer, loadWeights, openOnnxRuntime, openRun } from "gyre/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// The models that are committed: what they are called, how large they are, and that they answer as their reports say.

const root = fileURLToPath(new URL("../models/", import.meta.url));
const names = readdirSync(root);
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-models-"));
});
afterAll(() => rm(folder, { recursive: true }));

const bytesOf = (name: string, file: string) => readFileSync(join(root, name, file));
const reportOf = (name: string) => readReport(JSON.parse(bytesOf(name, "report.json").toString()), name);
const cardOf = (name: string) => bytesOf(name, "README.md").toString();
const row = (title: string, values: readonly unknown[]) => `| ${[title, ...values].join(" | ")} |`;

test.each(names)("models/%s is small, and whole", (name) => {
  const files = readdirSync(join(root, name), { recursive: true, encoding: "utf8" });
  const bytes = files.reduce((sum, file) => sum + statSync(join(root, name, file)).size, 0);
  expect(bytes).toBeLessThan(name === "dial" ? 8e6 : 1e6);
  const lines = bytesOf(name, "SHA256SUMS").toString().trimEnd().split("\n");
  for (const line of lines) {
    const [sum, file = ""] = line.split("  ");
    expect(createHash("sha256").update(bytesOf(name, file)).digest("hex"), file).toBe(sum);
  }
  expect(lines.some((line) => line.endsWith("model.safetensors"))).toBe(true);
});

describe("models/shuffle", () => {
  const report = reportOf("shuffle");
  if (report.kind !== "answers") throw new Error(`a report on ${report.kind}`);

  test("has the report's numbers in its card", () => {
    const points = report.models[0]?.points ?? [];
    const numbers = {
      loops: points.map(({ loops }) => loops),
      mean: points.map(({ accuracy }) => accuracy.toFixed(3)),
      solved: points.map(({ solved }) => solved ?? "none"),
    };
    for (const [title, values] of Object.entries(numbers))
      expect(cardOf("shuffle")).toContain(row(title, values));
  });

  test("answers as its report says", async () => {
    const { task: asked, problems: count, difficulties, provenance, models } = report;
    const run = await importOfficial(join(root, "shuffle"), { out: join(folder, "shuffle") });
    const { spec } = run.config;
    const { weights } = await loadWeights(run);
    expect(models[0]?.spec).toEqual(spec);
    const { name, variant } = asked;
    expect(run.config.task).toEqual({ name, variant, easiest: 12, hardest: 12 });
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

test("models/addition says that it learned sums", async () => {
  const run = await importOfficial(join(root, "addition"), { out: join(folder, "addition") });
  expect(run.config.task).toEqual({ name: "addition", easiest: 2, hardest: 4 });
});

test("models/dial reads held-out speeches as its report and its card say, better with every loop", async () => {
  const report = reportOf("dial");
  if (report.kind !== "budgets") throw new Error(`a report on ${report.kind}`);
  const points = report.models[0]?.points ?? [];
  const tokens = report.protocol.tokens;
  expect(cardOf("dial")).toContain(
    row(
      "loops",
      points.map(({ loops }) => loops),
    ),
  );
  expect(cardOf("dial")).toContain(
    row(
      "bits per byte",
      points.map(({ bitsPerByte }) => bitsPerByte.toFixed(3)),
    ),
  );
  const run = await importOfficial(join(root, "dial"), { out: join(folder, "dial") });
  const { spec } = run.config;
  const { weights } = await loadWeights(run);
  const tokenizer = await loadTokenizer(run);
  const { documents } = await loadCorpus({ source: "sotu" });
  const { validation } = splitDocuments(documents, { validationFraction: 0.1 });
  const ids: number[] = [];
  let bytes = 0;
  for (const { text } of validation) {
    if (ids.length > tokens) break;
    ids.push(...tokenizer.encode(text), tokenizer.endOfText);
    bytes += Buffer.byteLength(text);
  }
  const split = memorySplit(Uint16Array.from(ids), { bytes });
  const byteLength = (token: number) => tokenizer.byteLength(token);
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const options = { spec, weights, runtime, split, byteLength, budgets: [1, spec.loops], maxTokens: tokens };
  const losses: number[] = [];
  for await (const { loops, loss } of evaluate(options)) {
    const reported = points.find((point) => point.loops === loops);
    expect(Math.abs(loss - (reported?.loss ?? 0)), `${loops} loops`).toBeLessThan(1e-3);
    losses.push(loss);
  }
  expect(losses[1]).toBeLessThan(losses[0] ?? 0);
});

test.each(names.filter((name) => name.startsWith("line-")))(
  "models/%s answers as its card says",
  async (name) => {
    const run = await openRun(join(root, name), ["prompts"]);
    const { spec, task: taskName } = run.config;
    const { weights } = await loadWeights(run);
    const task = vectorTaskNamed(taskName);
    const loops = Array.from({ length: 16 }, (_, at) => at + 1);
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const { scale } = task;
    const { curves } = await evaluatePrompts({
      spec,
      weights,
      runtime,
      task,
      seed: 0,
      scale,
      loops,
      resamples: 1,
    });
    const errors = curves.map(({ mean }) => (mean.at(-1) ?? Number.NaN).toFixed(3));
    expect(cardOf(name)).toContain(row("loops", loops));
    expect(cardOf(name)).toContain(row("error", errors));
  },
);

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReportOf } from "gyre";
import { evaluatePrompts, vectorTaskNamed } from "gyre/lab";
import { loadWeights, openOnnxRuntime, openRun } from "gyre/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test("lab list names tasks, baselines and figures", async () => {
  const { code, stdout, stderr } = await gyre(["lab", "list"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const name of ["sparse-linear", "gradient-boosting", "linear-trained"])
    expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\S`, "m"));
});

test("lab reproduce measures a figure and writes numbers, a drawing and a page", async () => {
  const { code, stdout } = await gyre([
    "lab",
    "reproduce",
    "linear-exact",
    "--out",
    folder.path,
    "--seed",
    "7",
  ]);
  expect(stdout).toMatch(/^max \|TF - GD\| <= 1e-12 .* holds$/m);
  expect(code).toBe(0);
  const text = (name: string) => readFile(join(folder.path, name), "utf8");
  const report = JSON.parse(await text("linear-exact-seed7.json")) as ReportOf<"lab">;
  expect(report.provenance.seeds).toEqual([7, 8]);
  expect(report.provenance.command).toContain("gyre lab reproduce linear-exact");
  expect(await text("linear-exact-seed7.svg")).toMatch(/^<svg[\s\S]*<path[\s\S]*<\/svg>\n$/);
  expect(await text("linear-exact-seed7.md")).toContain("![");
});

test("an unknown figure is refused with the names of the others", async () => {
  const { code, stderr } = await gyre(["lab", "reproduce", "linear-magic", "--out", folder.path]);
  expect(stderr).toMatch(/LAB_NAME: the figure "linear-magic"\n {2}expected: "linear-exact", .* or "all"/);
  expect(code).toBe(1);
});

const recordsOf = async (run: string) =>
  (await readFile(join(run, "metrics.jsonl"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const recipe = {
  name: "tiny",
  summary: "as small as it gets",
  task: "linear",
  model: { family: "loopedTransformer", width: 8, heads: 2, loops: 2 },
  training: { steps: 30, batch: 4, window: 2, warmupSteps: 2 },
};

test("lab train stops, goes on bit for bit, and keeps its options; lab eval compares runs of a task", async () => {
  const file = join(folder.path, "tiny.json");
  await writeFile(file, JSON.stringify(recipe));
  const [whole, stopped] = [join(folder.path, "whole"), join(folder.path, "stopped")];
  const first = await gyre(["lab", "train", file, "--out", whole]);
  expect([first.code, first.stderr]).toEqual([
    0,
    expect.stringMatching(
      /done: 30 steps, loss \d+\.\d+ \(mean of the last 20 steps\), .* tokens in \d+s\. next: gyre lab eval/,
    ),
  ]);
  const stop = await gyre(["lab", "train", file, "--out", stopped], {
    interruptAt: (_, stderr) => stderr.includes("step 1/30"),
  });
  expect([stop.code, stop.stderr]).toEqual([
    130,
    expect.stringMatching(/continue with: gyre lab train --resume/),
  ]);
  const changed = await gyre(["lab", "train", "--resume", stopped, "--seed", "3"]);
  expect([changed.code, changed.stderr]).toEqual([1, expect.stringMatching(/TRAIN_USAGE: .*--seed/)]);
  expect((await gyre(["lab", "train", "--resume", stopped])).code).toBe(0);
  const model = async (run: string) => {
    const name = (await readFile(join(run, "latest"), "utf8")).trim();
    return readFile(join(run, "checkpoints", name, "model.safetensors"));
  };
  expect((await model(stopped)).equals(await model(whole))).toBe(true);
  const done = await gyre(["lab", "train", "--resume", stopped]);
  expect([done.code, done.stderr]).toEqual([1, expect.stringMatching(/TRAIN_DONE[\s\S]*gyre lab eval/)]);
  const longer = await gyre(["lab", "train", "--resume", stopped, "--steps", "34"]);
  expect([longer.code, longer.stderr]).toEqual([
    0,
    expect.stringMatching(/from step 30[\s\S]*done: 34 steps/),
  ]);

  const out = join(folder.path, "report");
  const evaluated = await gyre([
    "lab",
    "eval",
    whole,
    "--prompts",
    "20",
    "--loops",
    "1,L,6",
    "--noise",
    "0,1",
    "--out",
    out,
  ]);
  expect([evaluated.code, evaluated.stdout]).toEqual([
    0,
    expect.stringMatching(/tiny, lr 0\.001 +1,121 +2 loops/),
  ]);
  const [, name = ""] = /report\/(lab-linear-[0-9a-f]{6})\.md\n$/.exec(evaluated.stdout) ?? [];
  for (const file of [`${name}.svg`, `${name}-2.svg`, `${name}-3.svg`])
    expect(await readFile(join(out, file), "utf8")).toMatch(/^<svg[\s\S]*<title>linear: error/);
  const page = await readFile(join(out, "latest.md"), "utf8");
  expect(page).toMatch(/\| least-squares \|[\s\S]*\n- command: `gyre lab eval/);
  const { findings } = JSON.parse(await readFile(join(out, "latest.json"), "utf8")) as ReportOf<"lab">;
  expect(findings.charts[1]?.series[0]?.points.map(({ x }) => x)).toEqual([1, 2, 6]);
}, 120_000);

test("lab train and lab eval refuse what they cannot use", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["train"], /TRAIN_USAGE: no recipe[\s\S]*gyre lab train RECIPE --out RUN/],
    [["train", "linear-looped"], /TRAIN_USAGE: recipe linear-looped, but no --out/],
    [["train", "linear-magic", "--out", "x"], /LAB_NAME: the recipe "linear-magic"/],
    [["train", "missing.json", "--out", "x"], /RECIPE: the recipe missing\.json: ENOENT/],
    [["eval", "nowhere"], /RUN_MISSING/],
  ];
  for (const [words, expected] of cases) {
    const { code, stderr } = await gyre(["lab", ...words]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(expected)]);
  }
  const wrong = await gyre(["lab", "eval", "run", "--noise", "0,much"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--noise/)]);
}, 60_000);

test("lab reproduce refuses a run that another recipe trained", async () => {
  const file = join(folder.path, "other.json");
  await writeFile(file, JSON.stringify({ ...recipe, training: { ...recipe.training, steps: 2 } }));
  const runs = join(folder.path, "runs");
  expect((await gyre(["lab", "train", file, "--out", join(runs, "linear-looped-seed1")])).code).toBe(0);
  const { code, stderr } = await gyre(["lab", "reproduce", "looped-loops", "--runs", runs, "--out", runs]);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/LAB_RUN: .*linear-looped-seed1, whose model or/),
  ]);
}, 60_000);

test("lab train measures fresh prompts at every number of loops, and keeps the best", async () => {
  const file = join(folder.path, "held-out.json");
  await writeFile(file, JSON.stringify({ ...recipe, training: { ...recipe.training, steps: 60 } }));
  const [plain, measured] = [join(folder.path, "unmeasured"), join(folder.path, "measured")];
  expect((await gyre(["lab", "train", file, "--out", plain])).code).toBe(0);
  const often = ["--eval-every", "20", "--checkpoint-every", "7"];
  const first = await gyre(["lab", "train", file, "--out", measured, "--stop-at", "25", ...often]);
  expect([first.code, first.stderr]).toEqual([
    0,
    expect.stringMatching(/step 20: held out at 1, 2 loops: \d\S* {2}\d\S* squared error, the best so far/),
  ]);
  expect((await gyre(["lab", "train", "--resume", measured, ...often])).code).toBe(0);
  const records = await recordsOf(measured);
  const found = records.filter(({ heldOut }) => heldOut !== undefined);
  expect(found.map(({ step }) => step)).toEqual([20, 25, 40, 60]);
  expect(records.map(({ loss }) => loss)).toEqual((await recordsOf(plain)).map(({ loss }) => loss));

  const run = await openRun(measured, ["prompts"]);
  const best = await loadWeights(run, "best");
  const errors = found.map(({ heldOut }) => heldOut.squaredError[2]);
  expect(found[errors.indexOf(Math.min(...errors))].step).toBe(best.step);
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const task = vectorTaskNamed(recipe.task);
  const { spec } = run.config;
  const { weights } = await loadWeights(run);
  const again = await evaluatePrompts({
    spec,
    weights,
    runtime,
    task,
    seed: 1,
    prompts: 256,
    scale: task.scale,
  });
  expect(errors.at(-1)).toBeCloseTo(again.curves[0]?.mean.at(-1) ?? Number.NaN, 9);

  const listed = await gyre(["runs", measured]);
  expect(listed.stdout).toContain("squared error");
  expect((await gyre(["plot", measured])).stdout).toContain("squared error after all examples");
  const patient = await gyre([
    "lab",
    "train",
    file,
    "--out",
    join(folder.path, "patient"),
    "--patience",
    "2",
    "--eval-every",
    "0",
  ]);
  expect([patient.code, patient.stderr]).toEqual([
    1,
    expect.stringMatching(/--eval-every 0, which measures nothing\n.*gyre lab train RECIPE/),
  ]);
}, 60_000);

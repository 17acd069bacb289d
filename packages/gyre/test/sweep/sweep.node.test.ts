import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pageOf } from "../../src/report/files.ts";
import { reportName } from "../../src/report/name.ts";
import { readReport } from "../../src/report/read.ts";
import { tableText } from "../../src/report/table.ts";
import { nextArray, reportedTrial, throughRungs } from "../../src/sweep/progress.node.ts";
import { SweepFolder, type SweepRun } from "../../src/sweep/sweep.node.ts";
import { parseSweep } from "../../src/sweep/sweep-file.ts";
import { trialsOf } from "../../src/sweep/trials.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-sweep-"));
});
afterEach(() => rm(folder, { recursive: true }));

const recipe = { training: { steps: 40 } };
function sweepOf(rates: readonly number[], more: object = {}): SweepFolder {
  const json = { data: "text", recipe, search: { "training.learningRate": rates }, ...more };
  const sweep = parseSweep(json, "s.json");
  return new SweepFolder(folder, sweep, trialsOf(sweep, recipe, "s.json"));
}

/** What a run leaves on disk: a value of held-out data after some steps, and a checkpoint after the last of them. */
async function leave({ path }: SweepRun, values: Readonly<Record<number, number>>): Promise<void> {
  const lines = Object.entries(values).map(
    ([step, value]) => `{"step":${step},"heldOut":{"bitsPerByte":{"1":9,"4":${value}}}}\n`,
  );
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "metrics.jsonl"), lines.join(""));
  await writeFile(join(path, "latest"), `step-${String(Object.keys(values).at(-1)).padStart(6, "0")}\n`);
}

test("the best mean over seeds goes on, from where its runs are; what was best further on comes first", async () => {
  const sweep = sweepOf([1, 2, 3, 4], { seeds: [7, 8], halving: { first: 10, factor: 4 } });
  const first = { 1: [3, 5], 2: [2, 5], 3: [4.5, 4.5], 4: [1, 1] } as const;
  const asked: string[] = [];
  const results = await throughRungs(sweep, async (rung, waiting) => {
    asked.push(`${rung.steps}: ${waiting.map(({ trial, seed }) => `${trial.name} ${seed}`)}`);
    for (const run of waiting) {
      const rate = run.trial.chosen["training.learningRate"] as 1 | 2 | 3 | 4;
      const value = first[rate][run.seed - 7] as number;
      if (rate === 4 && run.seed === 8) await leave(run, { 5: value });
      else await leave(run, rung.steps === 10 ? { 5: 9, 10: value } : { 5: 9, 10: value, 40: 8 });
    }
    return true;
  });
  const all = ["001 7", "001 8", "002 7", "002 8", "003 7", "003 8", "004 7", "004 8"];
  expect(asked).toEqual([`10: ${all.map((one) => `trial-${one}`)}`, "40: trial-002 7,trial-002 8"]);
  expect(results?.map(({ trial, steps, value }) => [trial.name, steps, value])).toEqual([
    ["trial-002", 40, 3.5], // the best of each run, not the last
    ["trial-001", 10, 4],
    ["trial-003", 10, 4.5],
    ["trial-004", 5, undefined],
  ]);
  expect(await sweep.waitingIn({ steps: 40, trials: 1 }, sweep.trials.slice(1, 2))).toEqual([]);
});

test("runs begin with their recipe and seed, and go on from a checkpoint", async () => {
  const sweep = sweepOf([1], { seeds: [3], halving: { first: 10, factor: 4 } });
  const [first, last] = sweep.rungs as [{ steps: 10; trials: 1 }, { steps: 40; trials: 1 }];
  const [trial] = sweep.trials;
  const [run] = trial ? sweep.runsOf(trial) : [];
  if (!trial || !run) throw new Error("no run");
  const [path, file] = [join(folder, "runs", "trial-001-seed-3"), join(folder, "recipes", "trial-001.json")];
  const how = "--eval-every 40 --threads 2";
  expect((await sweep.wordsFor(run, first, { threads: 2 })).join(" ")).toBe(
    `train text --out ${path} --recipe ${file} --seed 3 --force ${how} --stop-at 10`,
  );
  await leave(run, { 10: 1 });
  expect((await sweep.wordsFor(run, last, { threads: 2 })).join(" ")).toBe(`train --resume ${path} ${how}`);
  expect((await sweep.wordsFor(run, last, { device: "webgpu", threads: 2 })).join(" ")).toBe(
    `train --resume ${path} ${how} --device webgpu`,
  );
});

test("a folder belongs to its sweep, which may get more trials", async () => {
  await sweepOf([1, 2]).begin();
  await sweepOf([1, 2, 3]).requireOwn();
  expect((await rejectionOf(sweepOf([1, 3]).requireOwn())).code).toBe("SWEEP_OTHER");
});

test("under Slurm what failed is not asked for again, and all that failed is an error", async () => {
  const sweep = sweepOf([1, 2]);
  await sweep.begin();
  const [one, two] = sweep.trials.flatMap((trial) => sweep.runsOf(trial)) as [SweepRun, SweepRun];
  expect(await nextArray(sweep, { threads: 1 })).toMatchObject({
    jobs: [{ log: one.log }, { log: two.log }],
  });
  await writeFile(one.log, "$ gyre train\nTRAIN_NOT_FINITE: step 3\n  expected: finite\n");
  expect(await nextArray(sweep, { threads: 1 })).toMatchObject({ jobs: [{ log: two.log }] });
  await writeFile(two.log, "$ gyre train\nTRAIN_NOT_FINITE: step 4\n");
  const error = await rejectionOf(nextArray(sweep, { threads: 1 }));
  expect(error.code).toBe("SWEEP_FAILED");
  expect(error.detail.given).toContain(`${one.log}: TRAIN_NOT_FINITE: step 3`);
  await writeFile(two.log, "$ gyre train\n");
  await leave(two, { 40: 2 });
  const done = await nextArray(sweep, { threads: 1 });
  expect("results" in done && done.results.map(({ value }) => value)).toEqual([2, undefined]);
});

test("the page has a chart for what was searched, error bars over seeds, and what failed", async () => {
  const sweep = sweepOf([1e-3, 1e-2], { seeds: [1, 2] });
  for (const trial of sweep.trials)
    for (const run of sweep.runsOf(trial))
      if (trial.name === "trial-001") await leave(run, { 40: 2 + run.seed });
  const results = (await throughRungs(sweep, async () => true)) ?? [];
  const trials = await Promise.all(results.map((result) => reportedTrial(sweep, result)));
  const provenance = { command: "gyre sweep s.json", machine: "here", seeds: [1, 2] };
  const shape = { version: 2, kind: "sweep", provenance, name: "s", measure: "bitsPerByte" };
  const report = readReport(JSON.parse(JSON.stringify({ ...shape, rungs: sweep.rungs, trials })));
  const { charts, tables } = pageOf(report);
  expect(charts.map(({ x, series }) => [x.title, series.map(({ points }) => points)])).toEqual([
    ["learningRate", [[{ x: 1e-3, y: 3.5, low: 3, high: 4 }]]],
  ]);
  expect(tables.map(tableText).join("")).toMatch(
    /trial-001 +0\.001 +40 +3\.500 +3\.000 4\.000\ntrial-002 +0\.01 +0 +failed: .*trial-002-seed-1\.log: it ended before its last step/,
  );
  expect(reportName(report)).toMatch(/^sweep-s-2trials-[0-9a-f]{6}$/);
});

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pageOf } from "../../src/report/files.ts";
import type { QualityReport } from "../../src/report/report.ts";
import { compareRuns } from "../../src/runs/compare.node.ts";
import { readCurves } from "../../src/runs/curves.node.ts";
import { saveReport } from "../../src/runs/reports.node.ts";
import { createRun } from "../../src/runs/run.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { model, point, report } from "../report/reports.ts";
import { tiny, tinyRun } from "./helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-compare-"));
});
afterEach(() => rm(folder, { recursive: true }));
const at = (...parts: string[]) => join(folder, ...parts);

/** A report on some models with one point each, of a date in January and perhaps another machine or protocol. */
function measured(
  losses: Readonly<Record<string, number>>,
  day: number,
  { machine = "2 cores", stride = 128 } = {},
): QualityReport {
  const models = Object.entries(losses).map(([name, loss]) => model(name, [point(1, loss)], { step: 1 }));
  const { provenance, protocol, ...others } = report(models);
  const createdAt = `2026-01-0${day}T00:00:00.000Z`;
  return { ...others, provenance: { ...provenance, createdAt, machine }, protocol: { ...protocol, stride } };
}
const saved = (run: string, one: QualityReport, name: string) =>
  saveReport(one, { folder: at(run, "reports"), name });
const lossesIn = async (...paths: readonly string[]) => {
  const { models } = (await compareRuns(paths, { command: "gyre compare" })) as QualityReport;
  return models.map(({ name, points }) => [name, points[0]?.loss]);
};

test("runs that were measured alone stand in one report, each with its newest measurement", async () => {
  for (const name of ["a", "b"]) await tinyRun(at(name));
  await saved("a", measured({ a: 4 }, 1), "old");
  await saved("a", measured({ a: 3 }, 3, { machine: "8 cores" }), "new");
  await saved("b", measured({ b: 2 }, 2), "only");
  const both = await compareRuns([at("a"), at("b")], { command: "gyre compare a b" });
  expect(both.models.map(({ name, points }) => [name, points])).toEqual([
    ["a", [point(1, 3)]],
    ["b", [point(1, 2)]],
  ]);
  expect(both.provenance).toMatchObject({ command: "gyre compare a b", machine: "8 cores; 2 cores" });
  expect(pageOf(both).title).toBe("a, b: quality at every budget");
});

test("the protocol is one that all share, though newer measurements have another", async () => {
  for (const name of ["a", "b"]) await tinyRun(at(name));
  await saved("a", measured({ a: 4, b: 5 }, 1), "together");
  await saved("a", measured({ a: 3 }, 3, { stride: 16 }), "alone");
  await saved("b", measured({ b: 2 }, 2, { stride: 64 }), "alone");
  expect(await lossesIn(at("a"), at("b"))).toEqual([
    ["a", 4],
    ["b", 5],
  ]);
  expect(await lossesIn(at("a"))).toEqual([["a", 3]]);
});

test("runs of one name are told apart by their paths", async () => {
  for (const group of ["x", "y"]) await tinyRun(at(group, "first"));
  await saved("x/first", measured({ first: 4 }, 1), "one");
  await saved("y/first", measured({ first: 2 }, 1), "one");
  expect(await lossesIn(at("x", "first"), at("y", "first"))).toEqual([
    [at("x", "first"), 4],
    [at("y", "first"), 2],
  ]);
});

test("says where nothing was measured, and where nothing can be compared", async () => {
  for (const name of ["a", "b"]) await tinyRun(at(name));
  await saved("a", measured({ a: 4 }, 1), "one");
  const failure = async () => (await rejectionOf(compareRuns([at("a"), at("b")], { command: "" }))).code;
  expect(await failure()).toBe("RUN_NO_REPORT");
  await saved("b", measured({ b: 2 }, 1, { stride: 64 }), "one");
  expect(await failure()).toBe("EVAL_COMPARE");
});

test("warns of a model that was trained on, and of a report that cannot be read", async () => {
  await using run = await createRun(at("a"), tiny);
  await run.appendMetrics({ step: 9, loss: 1 });
  await mkdir(at("a", "reports"));
  await writeFile(at("a", "reports", "broken.json"), "{");
  await saved("a", measured({ a: 4 }, 1), "one");
  const warnings: string[] = [];
  await compareRuns([at("a")], { command: "", onWarning: (text) => warnings.push(text) });
  expect(warnings).toEqual([
    `${at("a", "reports", "broken.json")} is passed over: no JSON`,
    `${at("a")} was measured after 1 steps, and has 9 by now`,
  ]);
});

test("curves are read by the names of runs; a run without a step has none", async () => {
  await tinyRun(at("a"), { seed: 5 });
  expect(await readCurves([at("a")])).toEqual([
    { name: "a", steps: [{ step: 1, loss: 5, heldOut: undefined }], spikes: [], samples: [] },
  ]);
  {
    await using _ = await createRun(at("b"), tiny);
  }
  expect((await rejectionOf(readCurves([at("a"), at("b")]))).code).toBe("RUN_NO_METRICS");
});

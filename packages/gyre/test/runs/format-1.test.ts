import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parameterCount } from "../../src/models/parameters.ts";
import { openRunData, openTrainingData } from "../../src/runs/data.node.ts";
import { holdRun, openRun } from "../../src/runs/run.node.ts";
import { loadTokenizer } from "../../src/runs/tokenizer.node.ts";
import { loadWeights } from "../../src/runs/weights.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { vectorTaskNamed } from "../../src/tasks/vectors/index.ts";
import type { TrainEvent } from "../../src/train/optimise.ts";
import { trainPrompts } from "../../src/train/prompts.ts";
import { train } from "../../src/train/text.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { stepsOf } from "../train/helpers.ts";

// format-1/ was written by the version of gyre before configs had a version: a dataset, a run on it and one on prompts.
// Both runs were stopped at step 4, and have the metrics of the steps after it as they were when nothing stopped them.
const fixtures = fileURLToPath(new URL("format-1/", import.meta.url));

let folder = "";
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-format-1-"));
  await cp(fixtures, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const read = async (events: AsyncIterable<TrainEvent>) => {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return stepsOf(all);
};

test("a text run and its dataset, which has moved, open and measure", async () => {
  const run = await openRun(at("text"));
  expect(run).toMatchObject({ version: 1, config: { version: 2, kind: "text", training: { steps: 6 } } });
  const { weights, step, warnings } = await loadWeights(run);
  expect({ step, warnings }).toEqual({ step: 4, warnings: [] });
  const total = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  expect(total).toBe(parameterCount(run.config.spec));
  expect((await loadTokenizer(run)).kind).toBe("bytes");
  expect((await rejectionOf(openRunData(run))).message).toMatch(/no dataset at \/nowhere\/data/);
  expect((await openRunData(run, at("data"))).train.length).toBeGreaterThan(1000);
});

test("a text run goes on as it would have, and its config is of today's version once it is kept", async () => {
  const { records } = await (await hold("text")).metrics.read();
  expect(records[0]?.["parts"]).toMatchObject({ long: 5.546692371368408 });
  await using run = await holdRun(at("text"), ["text"]);
  const { dataset, reference } = await openTrainingData(run, at("data"));
  const { state, notices } = await run.resume();
  expect(notices).toEqual([]);
  await run.keepConfig({ ...run.config, threads: 1, data: reference });
  const kept = JSON.parse(await readFile(join(at("text"), "config.json"), "utf8"));
  expect(kept).toMatchObject({ version: 2, kind: "text", threads: 1, data: { path: "../data" } });
  expect(kept).not.toHaveProperty("format");
  expect(await openRun(at("text"))).toEqual({ path: at("text"), version: 2, config: run.config });
  expect((await openTrainingData(run)).dataset.manifest).toEqual(dataset.manifest);

  await using runtime = await openOnnxRuntime({ threads: 1 });
  const { spec, training } = run.config;
  const steps = await read(train({ spec, training, runtime, data: dataset.train, state }));
  expect(steps.map(({ step }) => step)).toEqual([5, 6]);
  for (const { step, loss, gradientNorm, noted } of steps) {
    const then = records[step - 1];
    expect(loss).toBeCloseTo(then?.["loss"] as number, 5);
    expect(gradientNorm).toBeCloseTo(then?.["gradientNorm"] as number, 5);
    expect(noted).toEqual(then?.["noted"]);
  }
});

/** A run of the fixtures held and let go at once. */
async function hold(name: "text" | "lab") {
  await using run = await holdRun(at(name), ["text", "prompts"]);
  return run;
}

test("a run on prompts goes on as it would have", async () => {
  const { records } = await (await hold("lab")).metrics.read();
  const run = await holdRun(at("lab"), ["prompts"]);
  expect(run).toMatchObject({ version: 1, config: { kind: "prompts", recipe: "tiny", task: "linear" } });
  const { state } = await run.resume();
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const { spec, training, task } = run.config;
  const steps = await read(trainPrompts({ spec, training, task: vectorTaskNamed(task), runtime, state }));
  expect(steps.map(({ step }) => step)).toEqual([5, 6, 7, 8]);
  for (const { step, loss, noted } of steps) {
    expect(loss).toBeCloseTo(records[step - 1]?.["loss"] as number, 5);
    expect(noted).toEqual(records[step - 1]?.["noted"]);
  }
  await run[Symbol.asyncDispose]();
});

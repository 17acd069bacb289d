import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readFloatTensors } from "../../src/checkpoint/safetensors.node.ts";
import { toOwnNames } from "../../src/families/index.ts";
import { evaluate } from "../../src/measure/evaluate.ts";
import { parameters } from "../../src/models/parameters.ts";
import { algoformer, loopformer } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { openRunData, openTrainingData } from "../../src/runs/data.node.ts";
import { holdRun, openRun } from "../../src/runs/run.node.ts";
import { loadTokenizer } from "../../src/runs/tokenizer.node.ts";
import { loadState, loadWeights, type WeightsOf } from "../../src/runs/weights.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { vectorTaskNamed } from "../../src/tasks/vectors/index.ts";
import { trainPrompts } from "../../src/train/prompts.ts";
import { train } from "../../src/train/text.ts";
import type { Weights } from "../../src/util/tensor.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { largestGap } from "../models/tiny.ts";

// A dataset and a run of each kind that the first format had, written by the code of that time: flat specs, tensors by official
// names, `format: 1`. `text` was stopped at step 4 of 8, and the file beside it has the weights after all 8; `imported` is an
// export of it, read back; `looped-transformer` was stopped at step 4 of 8 and has the metrics of all; `algoformer` has three stages.
const fixtures = fileURLToPath(new URL("../fixtures/format-1/", import.meta.url));

let folder = "";
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-format-1-"));
  await cp(fixtures, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const stateIn = async (run: WeightsOf): Promise<TrainState> => (await loadState(run))!.state;

/** The largest difference of weights from those in a file, whose names may be official. */
async function gapFrom(path: string, spec: Spec, weights: Weights): Promise<number> {
  const expected = toOwnNames(spec, await readFloatTensors(path));
  expect(expected.size).toBe(weights.size);
  return Math.max(...[...expected].map(([name, { data }]) => largestGap(weights.get(name)!.data, data)));
}

describe("a run on text", () => {
  test("opens: its spec in today's form, its weights by today's names, its dataset where it is now", async () => {
    const run = await openRun(at("text"));
    const size = { vocab: 257, context: 16, width: 8, heads: 2, mlp: 12, layers: 1, loops: 3 };
    expect(run).toMatchObject({ version: 1, config: { version: 2, kind: "text" } });
    expect(run.config.spec).toEqual(loopformer(size, { bias: true }));
    const { weights, step, warnings } = await loadWeights(run);
    expect({ step, warnings }).toEqual({ step: 4, warnings: [] });
    expect([...weights.keys()].sort()).toEqual([...parameters(run.config.spec).keys()].sort());
    const file = at("text/checkpoints/step-000004/model.safetensors");
    expect(await gapFrom(file, run.config.spec, weights)).toBe(0);
    expect((await loadTokenizer(run)).kind).toBe("bytes");
    expect((await rejectionOf(openRunData(run))).message).toMatch(/no dataset at \/data\/words/);
    expect((await openRunData(run, at("data"))).train.length).toBeGreaterThan(1000);
  });

  test("measures what the code of that time measured", async () => {
    const then = [5.5527466, 5.5527464, 5.5527461];
    expect(await lossesOf("text")).toEqual(then.map((loss) => expect.closeTo(loss, 6)));
  });

  test("goes on to the weights that its own code came to, and to the same bit for bit when it is saved in between", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    await using run = await holdRun(at("text"), ["text"]);
    const { spec, training } = run.config;
    const { dataset, reference } = await openTrainingData(run, at("data"));
    const data = dataset.train;
    const { state, notices } = await run.resume();
    expect(notices).toEqual([]);
    for await (const event of train({ spec, training, runtime, data, state: state! }))
      if (event.type === "step" && event.step === 6) {
        await run.keepConfig({ ...run.config, threads: 1, data: reference });
        await run.save(state!);
      }
    expect(state!.step).toBe(8);
    // one step moves weights by 1e-5 and more; the sums of another processor may differ in their last bits
    expect(await gapFrom(at("text-after-step-8.safetensors"), spec, state!.weights)).toBeLessThan(1e-7);

    const saved = await readFloatTensors(at("text/checkpoints/step-000006/model.safetensors"));
    expect([...saved.keys()].sort()).toEqual([...parameters(spec).keys()].sort());
    const kept = await openRun(at("text"), ["text"]);
    expect(kept).toMatchObject({ version: 2, config: run.config });
    expect(JSON.parse(await readFile(at("text/config.json"), "utf8"))).not.toHaveProperty("format");
    const again = await stateIn(kept);
    expect(again.step).toBe(6);
    for await (const _ of train({ spec, training: kept.config.training, runtime, data, state: again }));
    expect(again).toEqual(state);
  });
});

test("a run that was imported opens and measures as the run that was exported", async () => {
  const run = await openRun(at("imported"));
  expect(run).toMatchObject({ version: 1, config: { kind: "imported", data: null } });
  expect(await lossesOf("imported")).toEqual(await lossesOf("text"));
});

/** Loss on the validation part at every number of loops. */
async function lossesOf(name: string): Promise<number[]> {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const run = await openRun(at(name));
  const { weights } = await loadWeights(run);
  const { validation: split, tokenizer } = await openRunData(run, at("data"));
  const byteLength = (token: number) => tokenizer.byteLength(token);
  const losses: number[] = [];
  const measured = { spec: run.config.spec, weights, runtime, split, byteLength, budgets: [1, 2, 3] };
  for await (const { loss } of evaluate(measured)) losses.push(loss);
  return losses;
}

describe("a run on prompts", () => {
  test("opens, with a prelude and a coda by today's names", async () => {
    const run = await openRun(at("algoformer"), ["prompts"]);
    const size = { inputs: 5, context: 22, width: 8, heads: 2, mlp: 12, loops: 3 };
    expect(run.config.spec).toEqual(algoformer(size));
    const { weights } = await loadWeights(run);
    expect(weights.get("prelude.0.attention.qkv.weight")?.shape).toEqual([24, 8]);
    const file = at("algoformer/checkpoints/step-000002/model.safetensors");
    expect(await gapFrom(file, run.config.spec, weights)).toBe(0);
  });

  test("goes on with the losses that its own code had", async () => {
    await using run = await holdRun(at("looped-transformer"), ["prompts"]);
    const { records } = await run.metrics.read();
    expect(run).toMatchObject({ version: 1, config: { kind: "prompts", recipe: "tiny", task: "linear" } });
    const { state } = await run.resume();
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const { spec, training, task } = run.config;
    const steps: number[] = [];
    for await (const event of trainPrompts({
      ...{ spec, training, runtime, task: vectorTaskNamed(task) },
      state,
    })) {
      if (event.type !== "step") continue;
      steps.push(event.step);
      expect(event.loss).toBeCloseTo(records[event.step - 1]?.["loss"] as number, 5);
      expect(event.noted).toEqual(records[event.step - 1]?.["noted"]);
    }
    expect(steps).toEqual([5, 6, 7, 8]);
  });
});

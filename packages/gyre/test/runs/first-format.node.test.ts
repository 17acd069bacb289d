import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFloatTensors } from "../../src/checkpoint/safetensors.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import { toOwnNames } from "../../src/families/index.ts";
import { parameters } from "../../src/models/parameters.ts";
import { algoformer, loopformer } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { holdRun, openRun } from "../../src/runs/run.node.ts";
import { loadState, loadWeights, type WeightsOf } from "../../src/runs/weights.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { train } from "../../src/train/text.ts";
import type { Weights } from "../../src/util/tensor.ts";
import { largestGap } from "../models/tiny.ts";

// A dataset and two runs as the first format holds them: a flat spec, tensors by official names. Each run stands in
// the middle of its training, and the file beside it holds what its own code had at the end.

const fixtures = fileURLToPath(new URL("../fixtures/first-format/", import.meta.url));
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-first-format-"));
  await cp(fixtures, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

const stateIn = async (run: WeightsOf): Promise<TrainState> => (await loadState(run))!.state;

/** The largest difference of weights from those in a file, whose names may be official. */
async function gapFrom(path: string, spec: Spec, weights: Weights): Promise<number> {
  const expected = toOwnNames(spec, await readFloatTensors(path));
  expect(expected.size).toBe(weights.size);
  return Math.max(...[...expected].map(([name, { data }]) => largestGap(weights.get(name)!.data, data)));
}

describe("a run of the first format", () => {
  test("opens: its spec in today's form, its weights by today's names", async () => {
    const run = await openRun(at("run"));
    const size = { vocab: 257, context: 16, width: 8, heads: 2, mlp: 12, layers: 1, loops: 3 };
    expect(run.config.spec).toEqual(loopformer(size, { bias: true }));
    const { weights } = await loadWeights(run);
    expect([...weights.keys()].sort()).toEqual([...parameters(run.config.spec).keys()].sort());
    const file = at("run/checkpoints/step-000004/model.safetensors");
    expect(await gapFrom(file, run.config.spec, weights)).toBe(0);
  });

  test("goes on where it stood, to the weights that its own code came to", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const run = await openRun(at("run"), ["text"]);
    const { spec, training } = run.config;
    const state = await stateIn(run);
    const data = (await openDataset(at("data"))).train;
    for await (const _ of train({ spec, training, runtime, data, state }));
    expect(state.step).toBe(8);
    // one step moves weights by 1e-5 and more; the sums of another processor may differ in their last bits
    expect(await gapFrom(at("run-after-step-8.safetensors"), spec, state.weights)).toBeLessThan(1e-7);
  });

  test("is saved by today's names, which are read again", async () => {
    await using run = await holdRun(at("run"), ["text"]);
    const state = await stateIn(run);
    await run.save({ ...state, step: 5 });
    const saved = await readFloatTensors(at("run/checkpoints/step-000005/model.safetensors"));
    expect([...saved.keys()].sort()).toEqual([...parameters(run.config.spec).keys()].sort());
    expect([...(await stateIn(await openRun(at("run")))).moments.first.keys()]).toContain(
      "embed.tokens.weight",
    );
  });
});

test("a run on prompts of the first format opens", async () => {
  const run = await openRun(at("prompts-run"), ["prompts"]);
  const size = { inputs: 5, context: 22, width: 8, heads: 2, mlp: 12, loops: 3 };
  expect(run.config.spec).toEqual(algoformer(size));
  const { weights } = await loadWeights(run);
  expect(weights.get("prelude.0.attention.qkv.weight")?.shape).toEqual([24, 8]);
  const file = at("prompts-run/checkpoints/step-000002/model.safetensors");
  expect(await gapFrom(file, run.config.spec, weights)).toBe(0);
});

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { learnableTokens } from "../../../../scripts/golden-case.ts";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { presets } from "../../src/models/presets.ts";
import { updateEma } from "../../src/optim/ema.ts";
import { type TrainState, usedWeights } from "../../src/optim/state.ts";
import { filesInMemory, readConfig, readRun } from "../../src/runs/read-run.ts";
import { createRun, holdRun } from "../../src/runs/run.node.ts";
import { runFiles } from "../../src/runs/run-files.ts";
import { loadWeights } from "../../src/runs/weights.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { textNeeds } from "../../src/train/needs.ts";
import { parseTraining } from "../../src/train/options.ts";
import { rng } from "../../src/util/rng.ts";
import { errorOf, rejectionOf } from "../checkpoint/helpers.ts";
import { tinySize } from "../models/tiny.ts";
import { localRanks } from "../ranks/local.ts";
import { bytesOf, copyOf, options, trained } from "./helpers.ts";

let runtime: OnnxRuntime;
let folder: string;
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), "gyre-ema-"));
});
afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const spec = presets.loopformer({ ...tinySize, vocab: 257 });
const data = learnableTokens(400, tinySize.vocab);
const training = options(spec, { steps: 12, emaDecay: 0.7, learningRate: 0.01 });

describe("moving averages", () => {
  test("move as in float64, and sooner at first", () => {
    const random = rng(3, "ema");
    const draw = () => Float32Array.from({ length: 50 }, () => random.normal());
    const [ema, weights] = [draw(), draw()];
    const tensors = (data: Float32Array) => new Map([["w", { data, shape: [50] }]]);
    const expected = Float64Array.from(ema);
    const decay = 0.9;
    for (let step = 1; step <= 200; step++) {
      weights.set(draw());
      updateEma(tensors(ema), tensors(weights), { decay, step });
      const keep = step <= 80 ? (1 + step) / (10 + step) : decay;
      for (const [at, value] of weights.entries())
        expected[at] = keep * (expected[at] as number) + (1 - keep) * value;
    }
    // each step rounds once, and what it rounds away fades as all else does; no average comes near to 4
    const bound = (4 * 2 ** -24) / (1 - decay);
    for (const [at, value] of ema.entries())
      expect(Math.abs(value - (expected[at] as number))).toBeLessThan(bound);
  });

  test("change nothing of the training, and are those of the weights after each step", async () => {
    const { emaDecay: decay = 0, ...plainTraining } = training;
    const plain = await trained({ spec, training: plainTraining, runtime, data });
    expect(plain.state.ema).toBeUndefined();
    expect(usedWeights(plain.state)).toBe(plain.state.weights);
    const afterEach: TrainState[] = [];
    const save = async (state: TrainState) => void afterEach.push(copyOf(state));
    const { state } = await trained({ spec, training, runtime, data, save, checkpointEvery: 1 });
    expect(bytesOf({ ...state, ema: undefined })).toEqual(bytesOf(plain.state));
    const ema = copyOf(initialState(spec, training.seed)).weights;
    for (const { weights, step } of afterEach) updateEma(ema, weights, { decay, step });
    expect(bytesOf(state)).toEqual(bytesOf({ ...state, ema }));
    expect(usedWeights(state)).toBe(state.ema);
  });

  test("of a run that goes on are those of one that never stopped, bit for bit", async () => {
    const kept: TrainState[] = [];
    const save = async (state: TrainState) => void kept.push(copyOf(state));
    const whole = await trained({ spec, training, runtime, data, save, checkpointEvery: 5 });
    const rest = await trained({ spec, training, runtime, data, state: kept[0] as TrainState });
    expect(bytesOf(rest.state)).toEqual(bytesOf(whole.state));
  });

  test("are alike on all ranks", async () => {
    const two = options(spec, { steps: 4, microBatches: 2, emaDecay: 0.7 });
    const all = await Promise.all(
      localRanks(2).map(async (ranks) => {
        await using own = await openOnnxRuntime({ threads: 1 });
        return await trained({ spec, training: two, runtime: own, data, ranks });
      }),
    );
    expect(all[0]?.state.ema?.size).toBe(all[0]?.state.weights.size);
    expect(bytesOf(all[1]?.state as TrainState)).toEqual(bytesOf(all[0]?.state as TrainState));
  });

  test("of a state are not left behind: a run without the option is refused", async () => {
    const state = { ...initialState(spec, 1), ema: initialState(spec, 1).weights };
    const without = trained({ spec, training: options(spec, {}), runtime, data, state });
    const { code, detail } = await rejectionOf(without);
    expect([code, detail.given]).toEqual([
      "TRAIN_OPTIONS",
      expect.stringContaining("emaDecay: left out, where the state has moving averages"),
    ]);
  });

  test("need a decay between 0 and 1, and the memory of the weights once more", () => {
    for (const emaDecay of [0, 1, -0.5])
      expect(errorOf(() => parseTraining({ emaDecay }, spec)).detail.given).toContain("emaDecay");
    const bytes = (emaDecay?: number) =>
      textNeeds(spec, options(spec, emaDecay === undefined ? {} : { emaDecay })).fixedBytes;
    const size = [...initialState(spec, 1).weights.values()].reduce(
      (sum, { data: x }) => sum + x.byteLength,
      0,
    );
    expect(bytes(0.9) - bytes()).toBe(size);
  });
});

describe("on disk", () => {
  const begun = async (name: string, own = training) => {
    const path = join(folder, name);
    const run = await createRun(path, { kind: "text", spec, tokenizer: bytesTokenizer(), training: own });
    const { state } = await trained({ spec, training: own, runtime, data });
    await run.saveBest(state);
    await run[Symbol.asyncDispose]();
    return { path, state, run, checkpoint: join(path, "checkpoints", "step-000012") };
  };

  test("are a file of their own, which is read by default, and come back bit for bit", async () => {
    const { path, state, run, checkpoint } = await begun("kept");
    expect((await readdir(checkpoint)).sort()).toEqual([
      "ema.safetensors",
      "model.safetensors",
      "optimizer.safetensors",
      "state.json",
    ]);
    const weightsOf = async (which?: "ema" | "last") => (await loadWeights(run, "latest", which)).weights;
    expect([await weightsOf(), await weightsOf("ema"), await weightsOf("last")]).toEqual([
      state.ema,
      state.ema,
      state.weights,
    ]);
    expect((await loadWeights(run, "best")).weights).toEqual(state.ema);
    await using held = await holdRun(path, ["text"]);
    const { state: back } = await held.resume();
    expect(bytesOf(back as TrainState)).toEqual(bytesOf(state));
  });

  test("that are damaged make a checkpoint damaged", async () => {
    const { run, checkpoint } = await begun("damaged");
    await writeFile(join(checkpoint, "ema.safetensors"), "x");
    const { code, detail } = await rejectionOf(loadWeights(run));
    expect([code, detail.given]).toEqual([
      "CHECKPOINT_CORRUPT",
      expect.stringContaining("step-000012 is damaged"),
    ]);
  });

  test("of a run without them are refused, and its last weights are what it has", async () => {
    const { emaDecay: _, ...plain } = training;
    const { run, state, checkpoint } = await begun("plain", plain);
    expect(await readFile(join(checkpoint, "state.json"), "utf8")).not.toContain("ema");
    const { code } = await rejectionOf(loadWeights(run, "latest", "ema"));
    expect(code).toBe("RUN_NO_EMA");
    expect((await loadWeights(run, "latest", "last")).weights).toEqual(state.weights);
  });

  test("travel as files in memory, where the last weights are read for training alone", async () => {
    const { run, state } = await begun("travels");
    const files = new Map(runFiles({ config: run.config, state, tokenizer: bytesTokenizer(), metrics: "" }));
    const source = filesInMemory(files, "page");
    const json = await readConfig(source);
    const read = (withState: boolean) => readRun(source, { json, kinds: ["text"], withState });
    const whole = await read(true);
    expect(whole.weights).toEqual(state.ema);
    expect(bytesOf(whole.state as TrainState)).toEqual(bytesOf(state));
    files.delete("checkpoints/step-000012/model.safetensors");
    expect((await read(false)).weights).toEqual(state.ema);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { learnableTokens } from "../../../../scripts/golden-case.ts";
import { batchWindows, memorySplit } from "../../src/data/windows.ts";
import { presets } from "../../src/models/presets.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { initialState } from "../../src/train/initial-state.ts";
import type { TrainEvent } from "../../src/train/optimise.ts";
import { train } from "../../src/train/text.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { tinySize } from "../models/tiny.ts";
import { bytesOf, options, trained } from "./helpers.ts";

const { baseLoop, loopformer } = presets;
const data = learnableTokens(400, tinySize.vocab);
const spec = loopformer(tinySize);
let runtime: OnnxRuntime;
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

test("a loss that jumps is told with what its step read, and training goes on", async () => {
  const state = initialState(spec, 1);
  const training = options(spec, { steps: 36, microBatches: 2 });
  const spikes: TrainEvent[] = [];
  for await (const event of train({ spec, training, runtime, data, state })) {
    const tokens = state.weights.get("embed.tokens.weight")?.data as Float32Array;
    if (event.type === "step" && event.step === 33) for (const at of tokens.keys()) tokens[at]! *= 40;
    if (event.type === "spike") spikes.push(event);
  }
  const [first, second] = [0, 1].map((micro) =>
    batchWindows({
      split: data,
      context: spec.context,
      batch: 2,
      seed: 1,
      step: 33,
      micro,
      microBatches: 2,
    }).join(", "),
  );
  expect(spikes).toEqual([
    {
      type: "spike",
      step: 34,
      what: "loss",
      value: expect.any(Number),
      usual: expect.any(Number),
      origin: expect.stringMatching(
        `^micro-batch 1: windows ${first} of .*; micro-batch 2: windows ${second} of `,
      ),
    },
  ]);
  expect(state.step).toBe(36);
});

describe("numbers that are not finite", () => {
  const poisoned = (state: TrainState) => {
    (state.weights.get("readout.norm.weight")?.data as Float32Array)[3] = Number.NaN;
    return state;
  };

  test("stop a fresh run at its first step, before the weights change", async () => {
    const state = poisoned(initialState(spec, 1));
    const before = bytesOf(state);
    const error = await rejectionOf(trained({ spec, training: options(spec, {}), runtime, data, state }));
    const windows = batchWindows({ split: data, context: spec.context, batch: 2, seed: 1, step: 0 });
    const read = `${windows.join(", ")} of ${Math.floor(399 / spec.context)}`;
    expect(error.message).toBe(
      `TRAIN_NOT_FINITE: step 1: the loss is NaN, on windows ${read}; window n begins at token ${spec.context} n\n  expected: finite numbers\n` +
        "  fix: lower the learning rate or lengthen the warm-up; last good checkpoint: none yet",
    );
    expect(bytesOf(state)).toEqual(before);
  });

  test("name the last checkpoint: the one of this run, or the one that it went on from", async () => {
    const training = options(spec, { steps: 6 });
    const state = initialState(spec, 1);
    const save = async () => undefined;
    const going = train({ spec, training, runtime, data, state, save, checkpointEvery: 2 });
    const endless = (async () => {
      for await (const event of going) if (event.type === "step" && event.step === 3) poisoned(state);
    })();
    expect((await rejectionOf(endless)).message).toMatch(
      /step 4: the loss is NaN[\s\S]*last good checkpoint: step 2$/,
    );
    const resumed = poisoned({ ...initialState(spec, 1), step: 3 });
    const error = await rejectionOf(trained({ spec, training, runtime, data, state: resumed }));
    expect(error.message).toMatch(/step 4: the loss is NaN[\s\S]*last good checkpoint: step 3$/);
  });

  test("are found in the gradient too, when the loss is finite", async () => {
    // One token only, whose embedding is zero: the hidden states ignore the huge head of the other tokens, so
    // the loss is finite, while the gradient of the hidden states times the huge gain overflows float32.
    const of = baseLoop(tinySize);
    const state = initialState(of, 1);
    const dataOf = (name: string) => state.weights.get(`${name}.weight`)?.data as Float32Array;
    for (const block of [0, 1]) {
      dataOf(`core.${block}.attention.output`).fill(0);
      dataOf(`core.${block}.mlp.down`).fill(0);
    }
    for (let token = 1; token < of.vocab; token++) dataOf("embed.tokens")[token * of.width + 1] = 1e19;
    dataOf("embed.tokens").fill(0, 0, of.width);
    for (let at = 0; at < of.context; at++) dataOf("embed.positions")[at * of.width + 1] = 0;
    dataOf("readout.norm")[1] = 1e38;
    const zeros = memorySplit(new Uint16Array(100));
    const training = options(of, {});
    const error = await rejectionOf(trained({ spec: of, training, runtime, data: zeros, state }));
    expect(error.code).toBe("TRAIN_NOT_FINITE");
    expect(error.detail.given).toMatch(/^step 1: the gradient norm is (Infinity|NaN), on windows \d/);
  });
});

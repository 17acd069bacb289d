import { describe, expect, test } from "vitest";
import { Decoder } from "../../src/decode/decoder.ts";
import { borrowDecoder } from "../../src/decode/decoders.ts";
import { generate } from "../../src/decode/generate.ts";
import type { Model } from "../../src/models/model.ts";
import { presets } from "../../src/models/presets.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { FloatData, Tensor } from "../../src/util/tensor.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { randomWeights, tinySize } from "../models/tiny.ts";

const spec = presets.loopformer({ ...tinySize, context: 40 });
const modelOf = (runtime: Runtime, seed = 9): Model => ({
  spec,
  weights: randomWeights(spec, seed, 0.6),
  runtime,
});
const options = { temperature: 0, maxTokens: 8 };

async function textOf(model: Model, prompt: readonly number[] = [3, 1]): Promise<number[]> {
  const text: number[] = [];
  for await (const { token } of generate(model, prompt, options)) text.push(token);
  return text;
}

/** Other weights in place, as training does it. */
function train({ weights }: Model, seed: number): void {
  const others = randomWeights(spec, seed, 0.6);
  for (const [name, { data }] of weights) data.set((others.get(name) as Tensor<Float32Array>).data);
}

describe("generate", () => {
  test("writes the text of the weights as they are now", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(runtime);
    const before = await textOf(model);
    train(model, 5);
    const after = await textOf(model);
    expect(after).not.toEqual(before);
    expect(after).toEqual(await textOf(modelOf(runtime, 5)));
    train(model, 9);
    expect(await textOf(model)).toEqual(before);
  });

  test("compiles nothing again for the next text, and lets go of what was replaced", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(runtime);
    await textOf(model);
    const programs = runtime.livePrograms;
    await textOf(model);
    expect(runtime.livePrograms).toBe(programs);
    for (const seed of [1, 2, 3]) {
      train(model, seed);
      await textOf(model);
      expect(runtime.livePrograms).toBe(programs);
    }
  });

  test("keeps the decoders of few models", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    await textOf(modelOf(runtime));
    const programs = runtime.livePrograms;
    for (const seed of [1, 2, 3, 4, 5, 6]) await textOf(modelOf(runtime, seed));
    expect(runtime.livePrograms).toBe(4 * programs);
  });

  test("goes on where a decoder of the same model was disposed of", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(runtime);
    const text = await textOf(model);
    const loan = await borrowDecoder(model);
    await loan.decoder[Symbol.asyncDispose]();
    expect(runtime.livePrograms).toBe(0);
    expect(await textOf(model)).toEqual(text);
    await loan[Symbol.asyncDispose]();
  });

  test("a text that is under way keeps its decoder until it ends", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(runtime);
    const old = await textOf(model);
    const own = runtime.livePrograms;
    const under = generate(model, [3, 1], options);
    const text = [(await under.next()).value?.token];
    train(model, 5);
    expect(await textOf(model)).not.toEqual(old);
    expect(runtime.livePrograms).toBe(2 * own);
    for await (const { token } of under) text.push(token);
    expect(text).toEqual(old);
    expect(runtime.livePrograms).toBe(own);
  });
});

describe("a decoder", () => {
  test("refuses a program over weights that are not those of its others, and computes nothing with it", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(runtime);
    await using decoder = new Decoder(model);
    const route = await decoder.route(2);
    await decoder.append(decoder.start(), [1, 2], route);
    train(model, 5);
    expect(decoder.isCurrent).toBe(false);
    const error = await rejectionOf(decoder.append(decoder.start(), [1, 2, 3, 4, 5], route));
    expect(error.code).toBe("WEIGHTS_CHANGED");
    train(model, 9);
    expect(decoder.isCurrent).toBe(true);
    await decoder.append(decoder.start(), [1, 2, 3, 4, 5], route);
  });

  test("computes routes in turn: two at once are what each is alone", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(runtime);
    const budgets = [[0.5, 0.25, 0.25], [0.125, 0.875], 4, 3, [0.75, 0.25]];
    const numbers = (told: readonly (FloatData | undefined)[]) => told.map((one) => [...(one as FloatData)]);
    const alone: number[][][] = [];
    for (const budget of budgets) {
      await using decoder = new Decoder(model);
      alone.push(numbers((await decoder.route(budget)).modulations));
    }
    await using decoder = new Decoder(model);
    const together = await Promise.all(budgets.map((budget) => decoder.route(budget)));
    expect(together.map(({ modulations }) => numbers(modulations))).toEqual(alone);
  });

  test("keeps what loops are told in bounded memory, however many trajectories are asked for", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const wide = presets.loopformer({ ...tinySize, width: 512, layers: 4 });
    await using decoder = new Decoder({ spec: wide, weights: randomWeights(wide, 1, 0.1), runtime });
    const room = 2 ** 24;
    const pairBytes = 4 * wide.layers.core * wide.width * 4;
    const trajectories = Math.ceil((1.2 * room) / (16 * pairBytes));
    const first = await decoder.route([0.5, 0.5]);
    for (let index = 0; index < trajectories; index++) {
      const step = 1 / 16 + (index + 1) * 1e-5;
      await decoder.route([step, ...new Array<number>(15).fill((1 - step) / 15)]);
      expect(decoder.modulationBytes).toBeLessThanOrEqual(room);
    }
    expect(decoder.modulationBytes).toBeGreaterThan(room - pairBytes);
    expect(await decoder.route([0.5, 0.5])).toEqual(first);
  });
});

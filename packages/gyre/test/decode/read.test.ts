import { describe, expect, test } from "vitest";
import { Decoder } from "../../src/decode/decoder.ts";
import { exitRule } from "../../src/decode/exits.ts";
import { generate } from "../../src/decode/generate.ts";
import { type Reading, readTexts } from "../../src/decode/read.ts";
import type { GeneratedToken, Loops } from "../../src/decode/stream.ts";
import type { Model } from "../../src/models/model.ts";
import { presets } from "../../src/models/presets.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { largestGap, randomWeights, tinySize } from "../models/tiny.ts";

const spec = presets.loopformer({ ...tinySize, context: 80 });
const model: Model = { spec, weights: randomWeights(spec, 9), runtime: interpreterRuntime() };
const textOf = (length: number, seed = 1) =>
  Array.from({ length }, (_, index) => (7 * index * seed + 3 * seed) % spec.vocab);

async function read(from: Model, texts: readonly number[][], loops: Loops): Promise<Reading[][]> {
  await using decoder = new Decoder(from);
  const all: Reading[][] = texts.map(() => []);
  await readTexts(decoder, texts, { loops }, (reading) => all[reading.text]?.push(reading));
  return all;
}

/** What a stream sees that writes the text: it begins with one token and takes the others as they are. */
async function followed(text: readonly number[], loops: Loops): Promise<GeneratedToken[]> {
  const all: GeneratedToken[] = [];
  const options = { loops, maxTokens: text.length, follow: text.slice(1) };
  for await (const token of generate(model, text.slice(0, 1), options)) all.push(token);
  return all;
}

const budgets: [string, Loops][] = [
  ["2 loops", 2],
  ["a trajectory", [0.5, 0.25, 0.25]],
  ["a rule on states", exitRule("change<0.5", 4)],
  ["a rule on predictions", exitRule("kl<0.02", 4)],
];

describe("texts that are read together", () => {
  test.each(budgets)("are seen as a stream sees them that writes them: %s", async (_, loops) => {
    const texts = [textOf(5), textOf(30, 2), textOf(1, 3), textOf(26, 4)];
    const readings = await read(model, texts, loops);
    for (const [index, text] of texts.entries()) {
      const written = await followed(text, loops);
      const mine = readings[index] as Reading[];
      expect(mine.map(({ position }) => position).sort((a, b) => a - b)).toEqual(text.map((_, at) => at));
      for (const { position, logits, loops: ran } of mine) {
        // Prompts run all loops under a rule: a stream's, here one token, and what is read.
        const isRule = typeof loops === "object" && "exit" in loops;
        if (isRule && position === text.length - 1) expect(ran).toBe(4);
        if (isRule && (position === 0 || position === text.length - 1)) continue;
        expect(largestGap(logits, (written[position] as GeneratedToken).logits)).toBeLessThan(1e-11);
        expect(ran).toBe(written[position]?.loops);
      }
    }
  });

  test("of many lengths are read again, also on a runtime that keeps few programs", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1, keep: 1 });
    await using decoder = new Decoder({ ...model, runtime });
    for (const length of [4, 20, 40, 4]) {
      const heard: number[] = [];
      await readTexts(decoder, [textOf(length)], { loops: 2 }, ({ position }) => heard.push(position));
      expect(heard).toHaveLength(length);
    }
  });

  test("leave by a rule at more than one depth", async () => {
    const [all = []] = await read(model, [textOf(40, 2)], exitRule("kl<0.02", 4));
    expect(new Set(all.map(({ loops }) => loops)).size).toBeGreaterThan(1);
  });

  test("may fill the context, on onnxruntime too", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const single = new Map(
      [...model.weights].map(([name, { data, shape }]) => [name, { data: Float32Array.from(data), shape }]),
    );
    const texts = [textOf(80), textOf(65, 2), textOf(17, 3)];
    const readings = await read({ spec, weights: single, runtime }, texts, 3);
    const exact = await read(model, texts, 3);
    for (const [index, text] of texts.entries()) {
      expect(readings[index]).toHaveLength(text.length);
      for (const [at, { position, logits }] of (readings[index] as Reading[]).entries()) {
        const other = (exact[index] as Reading[])[at] as Reading;
        expect(position).toBe(other.position);
        expect(largestGap(logits, other.logits)).toBeLessThan(1e-4);
      }
    }
  });

  test("are read as they are alone, where they share what they begin with", async () => {
    const beginning = textOf(20);
    const ends = [textOf(3, 2), textOf(7, 3), [], textOf(3, 2)];
    const texts = [...ends.map((end) => [...beginning, ...end]), textOf(12, 5)];
    await using decoder = new Decoder(model);
    const together = await read(model, texts, [0.5, 0.25, 0.25]);
    for (const [index, text] of texts.entries()) {
      const [alone = []] = await read(model, [text], [0.5, 0.25, 0.25]);
      expect(together[index]?.map(({ position }) => position)).toEqual(text.map((_, at) => at));
      for (const [at, { logits }] of (together[index] ?? []).entries())
        expect(largestGap(logits, (alone[at] as Reading).logits)).toBeLessThan(1e-12);
    }
    await readTexts(decoder, texts, { loops: 2 }, () => undefined);
    // the beginning once, what is different of each, and the other text
    expect(decoder.blockPasses).toBe((20 + 3 + 7 + 12) * 2 * spec.layers.core);
  });

  test("are the same from a cache, in stretches, where one is too long for a row", async () => {
    const long = presets.loopformer({ ...tinySize, context: 530 });
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const one: Model = { spec: long, weights: randomWeights(long, 9), runtime };
    const text = Array.from({ length: 530 }, (_, index) => (7 * index * index + 3) % long.vocab);
    const [stretches = []] = await read(one, [text], 2);
    const [whole = []] = await read(one, [text.slice(0, 512)], 2);
    expect(stretches).toHaveLength(530);
    expect(whole).toHaveLength(512);
    for (const [at, { logits }] of whole.entries())
      expect(largestGap(logits, (stretches[at] as Reading).logits)).toBeLessThan(1e-4);
  });

  test("go through the core in few calls", async () => {
    await using decoder = new Decoder(model);
    const texts = Array.from({ length: 8 }, (_, index) => textOf(60 - (index % 3), index + 1));
    let readings = 0;
    await readTexts(decoder, texts, { loops: 2 }, () => readings++);
    expect(readings).toBe(texts.reduce((sum, { length }) => sum + length, 0));
    expect(decoder.calls).toBe(1);
  });

  test.each([
    [[[0, 99_999]], 2, "PROMPT_TOKEN"],
    [[[0.5]], 2, "PROMPT_TOKEN"],
    [[textOf(81)], 2, "CONTEXT"],
    [[[1]], 0, "LOOPS"],
    [[[1]], [0.5, 0.1], "TRAJECTORY"],
  ] as const)("%j at %j is refused", async (texts, loops, code) => {
    await expect(read(model, texts as unknown as number[][], loops as Loops)).rejects.toMatchObject({ code });
  });

  test("may be none, or empty", async () => {
    expect(await read(model, [], 2)).toEqual([]);
    expect(await read(model, [[], [1]], 2)).toMatchObject([[], [{ position: 0 }]]);
  });
});

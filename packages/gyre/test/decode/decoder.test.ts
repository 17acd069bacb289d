import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { KeyValueCache } from "../../src/decode/cache.ts";
import { Decoder } from "../../src/decode/decoder.ts";
import type { Passage, Sequence } from "../../src/decode/passage.ts";
import { cacheKinds, type Layer } from "../../src/models/decoding.ts";
import type { Model } from "../../src/models/model.ts";
import { familyNames, presets } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import { allTrajectories } from "../../src/models/trajectories.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { FloatData } from "../../src/util/tensor.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { largestGap, randomInts, randomWeights, tinySize } from "../models/tiny.ts";
import { cachedLogits, fullLogits } from "./helpers.ts";

const spec = presets.loopformer({ ...tinySize, context: 40 });
const modelOf = (of: Spec, runtime: Runtime): Model => ({ spec: of, weights: randomWeights(of, 9), runtime });
const textOf = (length: number, seed: number, of: Spec = spec) => [
  ...randomInts([length], of.vocab, seed).data,
];
const trajectories = [1, 2, 3, 4].flatMap((steps) => allTrajectories(4, steps));

describe("cached logits equal the uncached ones at every position", () => {
  test.each(trajectories)("on onnxruntime along %j", async (...budget) => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(spec, runtime);
    const decoder = new Decoder(model);
    const text = textOf(40, budget.length);
    const logits = await cachedLogits(decoder, text, await decoder.route(budget), [5, 1, 1, 3]);
    expect(largestGap(logits, fullLogits(model, text, budget))).toBeLessThan(1e-4);
  });

  test.each(familyNames)("for %s, to the precision of float64", async (name) => {
    const of = presets[name]({ ...tinySize, context: 24, loops: name === "gpt" ? 1 : 4 });
    const model = modelOf(of, interpreterRuntime());
    const decoder = new Decoder(model);
    const text = textOf(24, 2, of);
    const logits = await cachedLogits(decoder, text, await decoder.route(of.loops), [3]);
    expect(largestGap(logits, fullLogits(model, text, of.loops))).toBeLessThan(1e-11);
  });

  test("however the text is cut", async () => {
    const model = modelOf(spec, interpreterRuntime());
    const decoder = new Decoder(model);
    const text = textOf(40, 3);
    const budget = [0.5, 0.25, 0.25];
    const expected = fullLogits(model, text, budget);
    const route = await decoder.route(budget);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 }), async (pieces) => {
        expect(largestGap(await cachedLogits(decoder, text, route, pieces), expected)).toBeLessThan(1e-11);
      }),
      { numRuns: 8 },
    );
  });

  test("a passage keeps its states for as long as loops are left that read them", async () => {
    const decoder = new Decoder(modelOf(spec, interpreterRuntime()));
    const passage = decoder.begin(decoder.start(), [3], { route: await decoder.route(4) });
    await decoder.run([passage], 3, "logits");
    expect(passage.states).toHaveLength(spec.width);
    const [logits] = await decoder.run([passage], 1, "logits");
    const whole = decoder.begin(decoder.start(), [3], { route: await decoder.route(4) });
    expect(await decoder.run([whole], 4, "logits")).toEqual([logits]);
    expect(whole.states).toBeUndefined();
  });

  test("with biases, another activation and a prompt longer than one call", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const of = {
      ...presets.loopformer({ ...tinySize, context: 300 }),
      bias: true,
      activation: "silu" as const,
    };
    const model = modelOf(of, runtime);
    const decoder = new Decoder(model);
    const text = textOf(300, 4, of);
    const logits = await cachedLogits(decoder, text, await decoder.route(2), [290]);
    expect(largestGap(logits, fullLogits(model, text, 2))).toBeLessThan(1e-4);
  });
});

describe("loops that share a call", () => {
  test("compute what each would alone, bit for bit", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const decoder = new Decoder(modelOf(spec, runtime));
    const route = await decoder.route([0.25, 0.5, 0.25]);
    const text = textOf(30, 5);
    const run = async (pieces: readonly number[], atOnce: number) => {
      const sequence = decoder.start();
      const seen: number[] = [];
      for (let position = 0, piece = 0; position < text.length; piece++) {
        const tokens = text.slice(position, position + (pieces[piece] ?? 1));
        const passage = decoder.begin(sequence, tokens, { route, position });
        while (passage.loops < route.loops)
          await decoder.run([passage], Math.min(atOnce, route.loops - passage.loops));
        seen.push(...(passage.states as FloatData));
        position += tokens.length;
      }
      return seen;
    };
    const alone = await run([7, 2], 1);
    expect(await run([7, 2], 3)).toEqual(alone);
    expect(await run([7, 2], 2)).toEqual(alone);
  });
});

describe("loops that the head follows in the same call", () => {
  test.each([1, 3])("give the logits of %d new tokens each, beside another text", async (count) => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(spec, runtime);
    const decoder = new Decoder(model);
    const budget = [0.25, 0.5, 0.25];
    const route = await decoder.route(budget);
    const texts = [textOf(9 + count, 6), textOf(21 + count, 7)];
    const passages: Passage[] = [];
    for (const text of texts) {
      const sequence = decoder.start(text.length);
      await decoder.append(sequence, text.slice(0, -count), route);
      passages.push(decoder.begin(sequence, text.slice(-count), { route }));
    }
    const before = decoder.calls;
    const logits = await decoder.run(passages, route.loops, "logits");
    expect([decoder.calls - before, logits.length]).toEqual([1, 2 * count]);
    for (const [index, text] of texts.entries()) {
      const mine = logits.slice(index * count, (index + 1) * count).flatMap((row) => [...row]);
      expect(largestGap(mine, fullLogits(model, text, budget).slice(-count * spec.vocab))).toBeLessThan(1e-4);
    }
  });

  test.each([
    ["a single loop", 20, 1, true],
    ["a head that is most of the model, in a call of its own", 2000, 3, false],
  ])("also %s", async (_, vocab, loops, isJoined) => {
    const model = modelOf({ ...spec, vocab }, interpreterRuntime());
    const compile = vi.spyOn(model.runtime, "compile");
    const decoder = new Decoder(model);
    const route = await decoder.route(loops);
    const passage = decoder.begin(decoder.start(), [3, 5], { route });
    const logits = await decoder.run([passage], loops, "logits");
    expect(decoder.calls).toBe(1);
    const joined = compile.mock.calls.filter(([, options]) => options?.repeat?.epilogue);
    expect(joined).toHaveLength(isJoined ? 1 : 0);
    const rows = logits.flatMap((row) => [...row]);
    expect(largestGap(rows, fullLogits(model, [3, 5], loops))).toBeLessThan(1e-11);
  });
});

describe("a cache", () => {
  const layer: Layer = { stage: "core", index: 1 };
  test("keeps its rows however it grows", () => {
    const size = fc.record({
      positions: fc.integer({ min: 1, max: 12 }),
      loops: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 6 }), (sizes) => {
        const of = presets.loopformer({ ...tinySize, context: 12 });
        const cache = new KeyValueCache(of, "float32");
        const written = new Map<string, Float32Array>();
        for (const [turn, { positions, loops }] of sizes.entries()) {
          cache.grow(positions, loops);
          const [position, loop] = [positions - 1, loops - 1];
          const data = new Float32Array(of.width).fill(turn + 1).map((value, index) => value + index / 100);
          for (const kind of cacheKinds)
            cache.write(kind, layer, loop, position, { data, offset: 0, tokens: 1, count: 1 });
          written.set(`${loop} ${position}`, data);
        }
        for (const [key, data] of written) {
          const [loop, position] = key.split(" ").map(Number) as [number, number];
          const rows = cache.rows("values", layer, loop);
          const head = of.width / of.attention.heads;
          const found = Array.from({ length: of.attention.heads }, (_, index) => {
            const start = (index * cache.capacity + position) * head;
            return [...rows.subarray(start, start + head)];
          });
          expect(found.flat()).toEqual([...data]);
        }
      }),
    );
  });
});

describe("sequences that share calls", () => {
  test("with other lengths, trajectories and loops, each as if alone", async () => {
    const model = modelOf(spec, interpreterRuntime());
    const decoder = new Decoder(model);
    const all = await Promise.all(
      [4, [0.5, 0.25, 0.25], [0.25, 0.75], 1, 6].map(async (budget, index) => {
        const route = await decoder.route(budget);
        const text = textOf(3 + 5 * index, index);
        const sequence = decoder.start();
        await decoder.append(sequence, text.slice(0, -1), route);
        return {
          budget,
          route,
          text,
          passage: decoder.begin(sequence, text.slice(-1), { route }),
        };
      }),
    );
    for (;;) {
      const running = all.filter(({ passage, route }) => passage.loops < route.loops);
      if (running.length === 0) break;
      await decoder.run(
        running.map(({ passage }) => passage),
        1,
      );
    }
    const passages = all.map(({ passage }) => passage);
    const logits = await decoder.run(passages, 0, "logits");
    for (const [index, { text, budget }] of all.entries()) {
      const expected = fullLogits(model, text, budget).slice(-spec.vocab);
      expect(largestGap(logits[index] as FloatData, expected)).toBeLessThan(1e-11);
    }
  });

  test("calls that are made at once take turns", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const decoder = new Decoder(modelOf(spec, runtime));
    const route = await decoder.route(3);
    const run = async (seed: number) => cachedLogits(decoder, textOf(20, seed), route, [7]);
    const together = await Promise.all([run(1), run(2), run(3)]);
    for (const [index, logits] of together.entries())
      expect(largestGap(logits, await run(index + 1))).toBeLessThan(1e-5);
  });
});

describe("a decoder", () => {
  test("counts blocks for every token, and calls", async () => {
    const decoder = new Decoder(modelOf(spec, interpreterRuntime()));
    const sequence = decoder.start();
    await decoder.append(sequence, [1, 2, 3], await decoder.route(4));
    expect([decoder.blockPasses, decoder.calls]).toEqual([3 * 4 * spec.layers.core, 1]);
    await decoder.append(sequence, [4], await decoder.route(2));
    expect([decoder.blockPasses, decoder.calls]).toEqual([
      3 * 4 * spec.layers.core + 2 * spec.layers.core,
      2,
    ]);
  });

  test("holds a cache for the loops that ran, which grows with the text", async () => {
    const of = presets.loopformer({ ...tinySize, context: 256 });
    const decoder = new Decoder(modelOf(of, interpreterRuntime()));
    const sequence: Sequence = decoder.start();
    const bytes = (positions: number, loops: number) => 2 * loops * of.layers.core * positions * of.width * 8;
    expect(sequence.cache.bytes).toBe(0);
    await decoder.append(sequence, textOf(10, 1), await decoder.route(2));
    expect(sequence.cache.bytes).toBe(bytes(32, 2));
    await decoder.append(sequence, textOf(30, 1), await decoder.route(2));
    expect(sequence.cache.bytes).toBe(bytes(64, 2));
  });

  test("takes room at once for a text that is expected, but no more than the context", async () => {
    const of = presets.loopformer({ ...tinySize, context: 256 });
    const decoder = new Decoder(modelOf(of, interpreterRuntime()));
    const bytes = (positions: number) => 2 * 2 * of.layers.core * positions * of.width * 8;
    for (const [expected, room] of [
      [100, 100],
      [1000, 256],
      [10, 32],
    ] as const) {
      const sequence = decoder.start(expected);
      await decoder.append(sequence, textOf(10, 1), await decoder.route(2));
      expect(sequence.cache.bytes).toBe(bytes(room));
    }
  });

  test("refuses a text beyond the context, which leaves the sequence as it was", async () => {
    const decoder = new Decoder(modelOf(spec, interpreterRuntime()));
    const sequence = decoder.start();
    const route = await decoder.route(1);
    await decoder.append(sequence, textOf(39, 1), route);
    expect((await rejectionOf(decoder.append(sequence, [1, 2], route))).code).toBe("CONTEXT");
    expect(sequence.length).toBe(39);
    await decoder.append(sequence, [1], route);
  });

  test("gives its programs back", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const decoder = new Decoder(modelOf(spec, runtime));
    await cachedLogits(decoder, textOf(9, 1), await decoder.route(2), [4]);
    expect(runtime.livePrograms).toBeGreaterThan(2);
    await decoder[Symbol.asyncDispose]();
    expect(runtime.livePrograms).toBe(0);
  });

  test("keeps few programs, however many sizes of calls there are, and is as exact with a new one", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const long = presets.loopformer({ ...tinySize, context: 64 });
    const model = modelOf(long, runtime);
    await using decoder = new Decoder(model);
    for (const loops of [4, 3, 2, 1]) {
      const route = await decoder.route(loops);
      for (let position = 8; position < 64; position += 8) {
        for (const streams of [1, 2, 4, 8]) {
          const passages = Array.from({ length: streams }, () =>
            decoder.begin(decoder.start(), [1], { route, position }),
          );
          await decoder.run(passages, loops);
        }
      }
    }
    // 112 kinds of calls, of which a small model keeps 96, and what modulates
    expect(runtime.livePrograms).toBe(97);
    const route = await decoder.route(1);
    const text = textOf(12, 3, long);
    const logits = await cachedLogits(decoder, text, route, [4]);
    expect(largestGap(logits, fullLogits(model, text, 1))).toBeLessThan(1e-4);
  });
});

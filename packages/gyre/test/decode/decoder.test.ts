import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { KeyValueCache } from "../../src/decode/cache.ts";
import { Decoder, type Route, type Sequence } from "../../src/decode/decoder.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/types.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import { cacheKinds } from "../../src/models/decoding.ts";
import type { Model } from "../../src/models/model.ts";
import { familyNames, presets } from "../../src/models/presets.ts";
import type { Budget, Spec } from "../../src/models/spec.ts";
import { allTrajectories } from "../../src/models/trajectories.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { FloatData, Tensor } from "../../src/util/tensor.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { largestGap, randomInts, randomWeights, routeInputs, tinySize, valuesOf } from "../models/tiny.ts";

const spec = presets.loopformer({ ...tinySize, context: 40 });
const modelOf = (of: Spec, runtime: Runtime): Model => ({ spec: of, weights: randomWeights(of, 9), runtime });
const textOf = (length: number, seed: number, of: Spec = spec) => [
  ...randomInts([length], of.vocab, seed).data,
];
const trajectories = [1, 2, 3, 4].flatMap((steps) => allTrajectories(4, steps));

/** Logits [T, vocab] of the whole forward pass in float64, without a cache. */
function uncached({ spec: of, weights }: Model, text: readonly number[], budget: Budget): number[] {
  const loops = typeof budget === "number" ? budget : budget.length;
  const builder = new GraphBuilder();
  const hidden = forward(builder, of, { batch: 1, tokens: text.length, loops }).get(loops) as Value;
  const graph = builder.graph({ logits: readOut(builder, of, hidden) });
  const tokens: Tensor = { data: Int32Array.from(text), shape: [1, text.length] };
  return valuesOf(graph, [["tokens", tokens], ...weights, ...routeInputs(of, budget)]).get(
    "logits",
  ) as number[];
}

/** Logits of every position, the text given to the decoder in pieces of these lengths, then token by token. */
async function cached(decoder: Decoder, text: readonly number[], route: Route, pieces: readonly number[]) {
  const { width } = decoder.model.spec;
  const sequence = decoder.start();
  const logits: number[] = [];
  for (let start = 0, piece = 0; start < text.length; piece++) {
    const part = text.slice(start, start + (pieces[piece] ?? 1));
    const states = await decoder.append(sequence, part, route);
    const rows = part.map((_, row) => states.subarray(row * width, (row + 1) * width));
    for (const row of await decoder.logits(rows)) logits.push(...row);
    start += part.length;
  }
  return logits;
}

describe("cached logits equal the uncached ones at every position", () => {
  test.each(trajectories)("on onnxruntime along %j", async (...budget) => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = modelOf(spec, runtime);
    const decoder = new Decoder(model);
    const text = textOf(40, budget.length);
    const logits = await cached(decoder, text, await decoder.route(budget), [5, 1, 1, 3]);
    expect(largestGap(logits, uncached(model, text, budget))).toBeLessThan(1e-4);
  });

  test.each(familyNames)("for %s, to the precision of float64", async (name) => {
    const of = presets[name]({ ...tinySize, context: 24, loops: name === "gpt" ? 1 : 4 });
    const model = modelOf(of, interpreterRuntime());
    const decoder = new Decoder(model);
    const text = textOf(24, 2, of);
    const logits = await cached(decoder, text, await decoder.route(of.loops), [3]);
    expect(largestGap(logits, uncached(model, text, of.loops))).toBeLessThan(1e-11);
  });

  test("however the text is cut", async () => {
    const model = modelOf(spec, interpreterRuntime());
    const decoder = new Decoder(model);
    const text = textOf(40, 3);
    const budget = [0.5, 0.25, 0.25];
    const expected = uncached(model, text, budget);
    const route = await decoder.route(budget);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 }), async (pieces) => {
        expect(largestGap(await cached(decoder, text, route, pieces), expected)).toBeLessThan(1e-11);
      }),
      { numRuns: 8 },
    );
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
    const logits = await cached(decoder, text, await decoder.route(2), [290]);
    expect(largestGap(logits, uncached(model, text, 2))).toBeLessThan(1e-4);
  });
});

describe("loops that share a call", () => {
  test("compute what each would alone, bit for bit", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const decoder = new Decoder(modelOf(spec, runtime));
    const { modulations } = await decoder.route([0.25, 0.5, 0.25]);
    const text = textOf(30, 5);
    const run = async (pieces: readonly number[], atOnce: number) => {
      const sequence = decoder.start();
      const seen: number[] = [];
      for (let position = 0, piece = 0; position < text.length; piece++) {
        const states = decoder.embed(text.slice(position, position + (pieces[piece] ?? 1)), position);
        for (let loop = 0; loop < modulations.length; loop += atOnce) {
          const told = modulations.slice(loop, loop + atOnce);
          await decoder.loop([{ sequence, loop, modulations: told, position, states }]);
        }
        seen.push(...states);
        position += states.length / spec.width;
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
    const calls = [];
    for (const text of texts) {
      const sequence = decoder.start(text.length);
      await decoder.append(sequence, text.slice(0, -count), route);
      const { length: position } = sequence;
      const states = decoder.embed(text.slice(-count), position);
      calls.push({ sequence, loop: 0, modulations: route.modulations, position, states });
    }
    const before = decoder.calls;
    const logits = await decoder.loopAndRead(calls);
    expect([decoder.calls - before, logits.length]).toEqual([1, 2 * count]);
    for (const [index, text] of texts.entries()) {
      const mine = logits.slice(index * count, (index + 1) * count).flatMap((row) => [...row]);
      expect(largestGap(mine, uncached(model, text, budget).slice(-count * spec.vocab))).toBeLessThan(1e-4);
    }
  });

  test.each([
    ["a single loop", 20, 1, true],
    ["a head that is most of the model, in a call of its own", 2000, 3, false],
  ])("also %s", async (_, vocab, loops, isJoined) => {
    const model = modelOf({ ...spec, vocab }, interpreterRuntime());
    const compile = vi.spyOn(model.runtime, "compile");
    const decoder = new Decoder(model);
    const { modulations } = await decoder.route(loops);
    const states = decoder.embed([3, 5], 0);
    const call = { sequence: decoder.start(), loop: 0, modulations, position: 0, states };
    const logits = await decoder.loopAndRead([call]);
    expect(decoder.calls).toBe(1);
    const joined = compile.mock.calls.filter(([, options]) => options?.repeat?.epilogue);
    expect(joined).toHaveLength(isJoined ? 1 : 0);
    const rows = logits.flatMap((row) => [...row]);
    expect(largestGap(rows, uncached(model, [3, 5], loops))).toBeLessThan(1e-11);
  });
});

describe("a cache", () => {
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
            cache.write(kind, 1, loop, position, { data, offset: 0, tokens: 1, count: 1 });
          written.set(`${loop} ${position}`, data);
        }
        for (const [key, data] of written) {
          const [loop, position] = key.split(" ").map(Number) as [number, number];
          const rows = cache.rows("values", 1, loop);
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
          sequence,
          loop: 0,
          states: decoder.embed(text.slice(-1), text.length - 1),
        };
      }),
    );
    while (all.some(({ loop, route }) => loop < route.loops)) {
      const running = all.filter(({ loop, route }) => loop < route.loops);
      await decoder.loop(
        running.map(({ sequence, loop, route, states }) => ({
          sequence,
          loop,
          modulations: route.modulations.slice(loop, loop + 1),
          position: sequence.length,
          states,
        })),
      );
      for (const one of running) one.loop++;
    }
    const logits = await decoder.logits(all.map(({ states }) => states));
    for (const [index, { text, budget }] of all.entries()) {
      const expected = uncached(model, text, budget).slice(-spec.vocab);
      expect(largestGap(logits[index] as FloatData, expected)).toBeLessThan(1e-11);
    }
  });

  test("calls that are made at once take turns", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const decoder = new Decoder(modelOf(spec, runtime));
    const route = await decoder.route(3);
    const run = async (seed: number) => cached(decoder, textOf(20, seed), route, [7]);
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
    await cached(decoder, textOf(9, 1), await decoder.route(2), [4]);
    expect(runtime.livePrograms).toBeGreaterThan(2);
    await decoder[Symbol.asyncDispose]();
    expect(runtime.livePrograms).toBe(0);
  });

  test("keeps few programs, however many sizes of calls there are, and is as exact with a new one", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const long = presets.loopformer({ ...tinySize, context: 64 });
    const model = modelOf(long, runtime);
    await using decoder = new Decoder(model);
    const route = await decoder.route(1);
    const { modulations } = route;
    for (let position = 8; position < 64; position += 8) {
      for (const streams of [1, 2, 4, 8]) {
        const calls = Array.from({ length: streams }, () => ({
          sequence: decoder.start(),
          loop: 0,
          modulations,
          position,
          states: decoder.embed([1], position),
        }));
        await decoder.loop(calls);
      }
    }
    expect(runtime.livePrograms).toBeLessThanOrEqual(25);
    const text = textOf(12, 3, long);
    const logits = await cached(decoder, text, route, [4]);
    expect(largestGap(logits, uncached(model, text, 1))).toBeLessThan(1e-4);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Decoder } from "../../src/decode/decoder.ts";
import type { ExitRule } from "../../src/decode/exits.ts";
import { type GenerateOptions, generate } from "../../src/decode/generate.ts";
import { readTexts } from "../../src/decode/read.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { epilogueGraph, loopGraph, prologueGraph } from "../../src/models/decoding.ts";
import type { Model } from "../../src/models/model.ts";
import { baseLoop, loopformer } from "../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../src/models/spec.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { FloatData, Tensor } from "../../src/util/tensor.ts";
import { changed, largestGap, randomInts, randomWeights, tinySize } from "../models/tiny.ts";
import { cachedLogits, fullLogits } from "./helpers.ts";

// Decoding stage by stage, with caches, against the whole forward pass: every way in which a spec can put stages together.

const context = 20;
const base = baseLoop({ ...tinySize, context, heads: 4, layers: 1, loops: 3 });
const conditioned = loopformer({ ...tinySize, context, heads: 4, layers: 2, loops: 3 });

const positions = fc.constantFrom({ kind: "learned" }, { kind: "none" }, { kind: "rotary", base: 50 });
const entrances = fc.constantFrom(
  ...["none", "add", "multiply", "everyLayer"].map((inject) => ({ inject, start: "embedding" })),
  { inject: "add", start: "zeros" },
  { inject: "add", start: "ones" },
  { inject: "multiply", start: "ones" },
);
const specs = fc
  .record({
    from: fc.constantFrom(base, base, conditioned),
    prelude: fc.nat({ max: 2 }),
    core: fc.integer({ min: 1, max: 2 }),
    coda: fc.nat({ max: 2 }),
    entrance: entrances,
    frame: fc.constantFrom("run", "loop"),
    positions,
    keyValueHeads: fc.constantFrom(1, 2, 4),
    placement: fc.constantFrom("pre", "post", "branch", "sum"),
    tied: fc.boolean(),
    bias: fc.boolean(),
  })
  .map(({ from, prelude, core, coda, entrance, placement, keyValueHeads, tied, bias, ...same }): Spec => {
    const norm = { placement: from === base ? placement : "pre" };
    const layers = { prelude, core, coda };
    const attention = { keyValueHeads, bias };
    return parseSpec(changed(from, { ...same, ...entrance, layers, norm, attention, readout: { tied } }));
  });
const prompts = fc.array(fc.nat({ max: base.vocab - 1 }), { minLength: 2, maxLength: 8 });

const modelOf = (spec: Spec, runtime: Runtime = interpreterRuntime()): Model => ({
  spec,
  weights: randomWeights(spec, 9, 0.4),
  runtime,
});
const textOf = (length: number, seed: number) => [...randomInts([length], base.vocab, seed).data];

/** Checks a property of many specs. */
const holds = (property: fc.IAsyncPropertyWithHooks<[Spec, number[]]>, numRuns = 20) =>
  fc.assert(property, { numRuns, seed: 11 });

/** Logits [T, vocab] of a text whose tokens leave the loops after as many as `depths` says, without any cache. */
function logitsAt(
  { spec, weights }: Model,
  text: readonly number[],
  loops: number,
  depths: readonly number[],
) {
  const shape = { sequences: 1, tokens: text.length, cached: 0 };
  const size = [text.length];
  const mask = Float64Array.from({ length: text.length ** 2 }, (_, at) =>
    at % text.length > Math.floor(at / text.length) ? -1e9 : 0,
  );
  const given = new Map<string, Tensor>([
    ...weights,
    ["tokens", { data: Int32Array.from(text), shape: size }],
    ["positions", { data: Int32Array.from(text, (_, at) => at), shape: size }],
    ["mask", { data: mask, shape: [1, 1, text.length, text.length] }],
  ]);
  for (const [name, tensor] of interpret(prologueGraph(spec, shape), given)) given.set(name, tensor);
  const ends = (given.get("x") as Tensor<FloatData>).data.slice();
  for (let loop = 1; loop <= loops; loop++) {
    given.set("x", interpret(loopGraph(spec, shape), given).get("x") as Tensor);
    const { data } = given.get("x") as Tensor<FloatData>;
    for (const [row, depth] of depths.entries())
      if (depth === loop) ends.set(data.subarray(row * spec.width, (row + 1) * spec.width), row * spec.width);
  }
  given.set("x", { data: ends, shape: [text.length, spec.width] });
  return [...(interpret(epilogueGraph(spec, shape, { reads: true }), given).get("logits") as Tensor).data];
}

/** A rule by what the first loop made of a token: some leave after it, some run two loops, the others all. */
const ruleOf = (reads: ExitRule["reads"]): ExitRule => ({
  name: "by the first state",
  reads,
  exit: ({ loops, states }) => {
    const [first, second] = states[1] as FloatData as unknown as [number, number];
    return first > 0 ? loops >= 1 : second > 0 && loops >= 2;
  },
});

describe("every composition of stages", () => {
  test("has the logits of the whole forward pass at every position, however the text is cut", () =>
    holds(
      fc.asyncProperty(specs, prompts, async (spec, pieces) => {
        const model = modelOf(spec);
        const decoder = new Decoder(model);
        const text = textOf(context, 3);
        for (const budget of [1, spec.loops]) {
          const found = await cachedLogits(decoder, text, await decoder.route(budget), pieces);
          expect(largestGap(found, fullLogits(model, text, budget))).toBeLessThan(1e-10);
        }
      }),
    ));

  test("gives the same loop by loop as in one call, and looks at the logits on the way change nothing", () =>
    holds(
      fc.asyncProperty(specs, prompts, async (spec, prompt) => {
        const model = modelOf(spec);
        const decoder = new Decoder(model);
        const route = await decoder.route(spec.loops);
        const sequence = decoder.start();
        await decoder.append(sequence, prompt, route);
        const text = [...prompt, 4, 2];
        const passage = decoder.begin(sequence, [4, 2], { route });
        await decoder.run([passage], 0);
        for (let loops = 1; loops <= spec.loops; loops++) {
          await decoder.run([passage], 1);
          const seen = await decoder.run([passage], 0, "logits");
          const depths = [...prompt.map(() => spec.loops), loops, loops];
          if (spec.conditioning.kind === "none") {
            const expected = logitsAt(model, text, spec.loops, depths).slice(-2 * spec.vocab);
            expect(
              largestGap(
                seen.flatMap((row) => [...row]),
                expected,
              ),
            ).toBeLessThan(1e-10);
          }
          if (loops === spec.loops)
            expect(
              largestGap(
                seen.flatMap((row) => [...row]),
                fullLogits(model, text, loops).slice(-2 * spec.vocab),
              ),
            ).toBeLessThan(1e-10);
        }
      }),
    ));

  test("computes each of several sequences as if alone, at other lengths, budgets and loops", () =>
    holds(
      fc.asyncProperty(specs, prompts, async (spec, prompt) => {
        const model = modelOf(spec);
        const decoder = new Decoder(model);
        const all = await Promise.all(
          [1, 3, 2].map(async (loops, index) => {
            const route = await decoder.route(loops);
            const sequence = decoder.start();
            const before = textOf(3 * index, index);
            const text = [...before, ...prompt];
            await decoder.append(sequence, text.slice(0, -1), route);
            return { text, loops, passage: decoder.begin(sequence, text.slice(-1), { route }) };
          }),
        );
        for (let loop = 0; loop < 3; loop++) {
          const running = all.filter(({ passage, loops }) => passage.loops < loops);
          await decoder.run(
            running.map(({ passage }) => passage),
            1,
          );
        }
        const passages = all.map(({ passage }) => passage);
        const logits = await decoder.run(passages, 0, "logits");
        for (const [index, { text, loops }] of all.entries())
          expect(
            largestGap(logits[index] as FloatData, fullLogits(model, text, loops).slice(-spec.vocab)),
          ).toBeLessThan(1e-10);
      }),
    ));
});

describe("exits", () => {
  const unconditioned = specs.filter(({ conditioning }) => conditioning.kind === "none");

  test.each(["states", "logits"] as const)(
    "a stream whose rule reads %s predicts from where each token left",
    async (reads) => {
      const ran = new Set<number>();
      await holds(
        fc.asyncProperty(unconditioned, prompts, async (spec, prompt) => {
          const model = modelOf(spec);
          const text = [...prompt];
          const depths = prompt.map(() => spec.loops);
          const options = { temperature: 0, maxTokens: 8, loops: ruleOf(reads), window: "stop" as const };
          let isFirst = true;
          for await (const { token, logits, loops } of generate(model, prompt, options)) {
            if (!isFirst) depths.push(loops);
            if (!isFirst) ran.add(loops);
            isFirst = false;
            const expected = logitsAt(model, text, spec.loops, depths).slice(-spec.vocab);
            expect(largestGap(logits, expected)).toBeLessThan(1e-10);
            text.push(token);
          }
        }),
      );
      expect([...ran].sort()).toEqual([1, 2, 3]);
    },
    60_000,
  );

  test.each(["states", "logits"] as const)(
    "texts that are read under a rule on %s are predicted from where each token left",
    (reads) =>
      holds(
        fc.asyncProperty(unconditioned, prompts, async (spec, prompt) => {
          const model = modelOf(spec);
          const decoder = new Decoder(model);
          const texts = [prompt, textOf(12, 1), prompt.slice(1)];
          const found = texts.map((text) => text.map(() => ({ loops: 0, logits: [] as number[] })));
          await readTexts(decoder, texts, { loops: ruleOf(reads), from: [0, 5, 0] }, (reading) => {
            found[reading.text]![reading.position] = { loops: reading.loops, logits: [...reading.logits] };
          });
          const all = texts.map((text) => text.map(() => ({ loops: 0, logits: [] as number[] })));
          await readTexts(decoder, texts, { loops: ruleOf(reads) }, (reading) => {
            all[reading.text]![reading.position] = { loops: reading.loops, logits: [...reading.logits] };
          });
          for (const [index, text] of texts.entries()) {
            const depths = all[index]!.map(({ loops }) => loops);
            const expected = logitsAt(model, text, spec.loops, depths);
            expect(
              largestGap(
                all[index]!.flatMap(({ logits }) => logits),
                expected,
              ),
            ).toBeLessThan(1e-10);
            const wanted = found[index]!.filter(({ loops }) => loops > 0);
            expect(wanted).toHaveLength(index === 1 ? 7 : text.length);
            const last = expected.slice(-wanted.length * spec.vocab);
            expect(
              largestGap(
                wanted.flatMap(({ logits }) => logits),
                last,
              ),
            ).toBeLessThan(1e-10);
          }
        }),
        12,
      ),
    60_000,
  );
});

async function greedy(model: Model, prompt: readonly number[], options: Partial<GenerateOptions>) {
  const text: number[] = [];
  for await (const { token } of generate(model, prompt, { temperature: 0, maxTokens: 9, ...options }))
    text.push(token);
  return text;
}

describe("drafts", () => {
  test.each(["prefix", "coarse"] as const)(
    "%s drafts write the plain text",
    (kind) =>
      holds(
        fc.asyncProperty(specs, prompts, async (spec, prompt) => {
          const model = modelOf(spec);
          const draft = { kind, loops: 1, tokens: 3 };
          expect(await greedy(model, prompt, { draft })).toEqual(await greedy(model, prompt, {}));
        }),
        12,
      ),
    60_000,
  );
});

describe("on onnxruntime, in float32", () => {
  const everything = {
    layers: { prelude: 1, core: 2, coda: 1 },
    positions: { kind: "rotary", base: 50 },
    attention: { keyValueHeads: 2, bias: true },
    mlp: { gated: true },
    inject: "everyLayer",
  };
  const some: readonly (readonly [string, Spec])[] = [
    ["a prelude, a coda, rotary positions and shared heads", parseSpec(changed(base, everything))],
    ["zeros to which the embedding is added", parseSpec(changed(base, { start: "zeros", inject: "add" }))],
    [
      "a frame around every loop",
      parseSpec(changed(base, { frame: "loop", inject: "multiply", start: "ones", layers: { coda: 1 } })),
    ],
    [
      "conditioned stages",
      parseSpec(changed(conditioned, { layers: { prelude: 1, coda: 1 }, inject: "add" })),
    ],
    ["a table and a head that are apart", parseSpec(changed(base, { vocab: 530_000, layers: { coda: 1 } }))],
  ];

  test.each(some)(
    "%s",
    async (_, spec) => {
      await using runtime = await openOnnxRuntime({ threads: 1 });
      const model = modelOf(spec, runtime);
      await using decoder = new Decoder(model);
      const text = textOf(spec.vocab > 100 ? 6 : context, 4);
      const route = await decoder.route(spec.loops);
      const expected = fullLogits(model, text, spec.loops);
      const scale = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
      const found = await cachedLogits(decoder, text, route, [3, 1, 2]);
      expect(largestGap(found, expected) / scale).toBeLessThan(1e-5);
      const sequence = decoder.start();
      await decoder.append(sequence, text.slice(0, -2), route);
      const passage = decoder.begin(sequence, text.slice(-2), { route });
      const calls = decoder.calls;
      const read = await decoder.run([passage], spec.loops, "logits");
      expect(decoder.calls - calls).toBe(1);
      const rows = read.flatMap((row) => [...row]);
      expect(largestGap(rows, expected.slice(-rows.length)) / scale).toBeLessThan(1e-5);
    },
    60_000,
  );
});

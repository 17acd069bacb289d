import { describe, expect, test } from "vitest";
import {
  type ExitRule,
  exitAtRandom,
  exitRule,
  type LoopsSoFar,
  untilConfident,
  untilSettled,
} from "../../src/decode/exits.ts";
import { type GenerateOptions, generate } from "../../src/decode/generate.ts";
import type { GeneratedToken } from "../../src/decode/stream.ts";
import type { Model } from "../../src/models/model.ts";
import { presets } from "../../src/models/presets.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { largestGap, randomWeights, tinySize } from "../models/tiny.ts";

const spec = presets.loopformer({ ...tinySize, context: 32 });
const model: Model = { spec, weights: randomWeights(spec, 9), runtime: interpreterRuntime() };
const prompt = [3, 1, 4, 1, 5];

async function written(from: Model, options: Partial<GenerateOptions>): Promise<GeneratedToken[]> {
  const all: GeneratedToken[] = [];
  for await (const token of generate(from, prompt, { temperature: 0, maxTokens: 12, ...options }))
    all.push(token);
  return all;
}

const seen = (states: number[][], logits: number[][] = []): LoopsSoFar => ({
  loops: states.length - 1,
  most: 8,
  states: states.map((state) => Float64Array.from(state)),
  logits: logits.map((row) => Float64Array.from(row)),
});

/** Logits of given probabilities. */
const logs = (...probabilities: number[]) => probabilities.map(Math.log);

describe("what a rule measures, by hand", () => {
  test.each<[string, LoopsSoFar, number]>([
    // |(3, 4) -> (3, 4.5)| = 0.5 of 5
    [
      "change<",
      seen([
        [3, 4],
        [3, 4.5],
      ]),
      0.1,
    ],
    // changes (1, 0), (2, 0): the second differs by 1; the state is (0, 0) + 3
    [
      "second-difference<",
      seen([
        [0, 0],
        [1, 0],
        [3, 0],
      ]),
      1 / 3,
    ],
    ["probability>", seen([[0], [0]], [logs(0.7, 0.2, 0.1)]), 0.7],
    ["margin>", seen([[0], [0]], [logs(0.7, 0.2, 0.1)]), 0.5],
    ["entropy<", seen([[0], [0]], [logs(0.5, 0.5)]), Math.log(2)],
    // KL((1/2, 1/2) || (1/4, 3/4))
    [
      "kl<",
      seen([[0], [0], [0]], [logs(0.25, 0.75), logs(0.5, 0.5)]),
      0.5 * Math.log(2) + 0.5 * Math.log(2 / 3),
    ],
  ])("%s", (kind, state, value) => {
    const isBelow = kind.endsWith("<");
    expect(exitRule(`${kind}${value * 1.001}`).exit(state)).toBe(isBelow);
    expect(exitRule(`${kind}${value * 0.999}`).exit(state)).toBe(!isBelow);
  });

  test("what needs two loops waits for them", () => {
    expect(untilSettled({ secondDifference: 1e9 }).exit(seen([[1], [1]]))).toBe(false);
    expect(untilConfident({ kl: 1e9 }).exit(seen([[1], [1]], [logs(0.5, 0.5)]))).toBe(false);
  });

  test("the random exit has the histogram that it was given", () => {
    const rule = exitAtRandom([10, 0, 30, 60], 4);
    const counts = [0, 0, 0, 0];
    for (let draw = 0; draw < 10_000; draw++) {
      let loops = 1;
      while (loops < 4 && !rule.exit({ ...seen([[0]]), loops })) loops++;
      (counts[loops - 1] as number)++;
    }
    expect(counts[1]).toBe(0);
    // three standard deviations of a binomial count
    for (const [index, share] of [0.1, 0, 0.3, 0.6].entries())
      expect(Math.abs((counts[index] as number) - 10_000 * share)).toBeLessThanOrEqual(
        3 * Math.sqrt(10_000 * share * (1 - share)),
      );
  });
});

describe("a rule runs fewer blocks", () => {
  const afterTwo: ExitRule = { name: "after two", reads: "states", exit: ({ loops }) => loops === 2 };

  test("and the count falls with it", async () => {
    const [full, short] = [
      await written(model, {}),
      await written(model, { loops: afterTwo, cachePolicy: "share-last" }),
    ];
    const passes = (tokens: GeneratedToken[]) => tokens.slice(1).map(({ blockPasses }) => blockPasses);
    expect(passes(full)).toEqual(new Array(11).fill(4 * spec.layers.core));
    expect(passes(short)).toEqual(new Array(11).fill(2 * spec.layers.core));
    expect(short.slice(1).every(({ loops }) => loops === 2)).toBe(true);
    expect(short[0]).toMatchObject({ loops: 4, blockPasses: 4 * spec.layers.core * prompt.length });
  });

  test("a rule that always exits equals that many loops of the trajectory; one that never does, all", async () => {
    const never: ExitRule = { name: "never", reads: "logits", exit: () => false };
    const all = await written(model, { loops: never });
    expect(all.map(({ token }) => token)).toEqual((await written(model, {})).map(({ token }) => token));
    const most = await written(model, { loops: { ...never, most: 6 } });
    expect(most.map(({ token }) => token)).toEqual(
      (await written(model, { loops: 6 })).map(({ token }) => token),
    );
  });

  test("is asked with the states and predictions so far, before the last loop only", async () => {
    const asked: [number, number, number][] = [];
    const watch: ExitRule = {
      name: "watch",
      reads: "logits",
      exit({ loops, states, logits }) {
        asked.push([loops, states.length, logits.length]);
        return loops === 3;
      },
    };
    await written(model, { loops: watch, maxTokens: 2 });
    expect(asked).toEqual([
      [1, 2, 1],
      [2, 3, 2],
      [3, 4, 3],
    ]);
  });
});

describe("what later tokens attend to where an earlier one ran fewer loops", () => {
  /** 2 loops for every odd token, 4 for the others. */
  function alternating(): ExitRule {
    let tokens = 0;
    return {
      name: "alternating",
      reads: "states",
      exit({ loops }) {
        if (loops === 1) tokens++;
        return tokens % 2 === 1 && loops === 2;
      },
    };
  }

  test("recompute: what runs all loops predicts what plain decoding predicts", async () => {
    const tokens = await written(model, { loops: alternating(), cachePolicy: "recompute" });
    expect(tokens.slice(1).map(({ loops }) => loops)).toEqual([2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2]);
    const text = [...prompt];
    for (const { token, logits, loops } of tokens) {
      if (loops === 4) {
        const [plain] = await written2(text);
        expect(largestGap(logits, (plain as GeneratedToken).logits)).toBeLessThan(1e-11);
      }
      text.push(token);
    }
  });

  test("recompute: the loops left out are counted where they are made up for", async () => {
    const tokens = await written(model, { loops: alternating(), cachePolicy: "recompute" });
    const passes = tokens.slice(1).map(({ blockPasses }) => blockPasses / spec.layers.core);
    expect(passes).toEqual([2, 6, 2, 6, 2, 6, 2, 6, 2, 6, 2]);
  });

  test("share-last: no loop is made up for, and the text differs from recompute", async () => {
    const shared = await written(model, { loops: alternating(), cachePolicy: "share-last" });
    expect(shared.slice(1).map(({ blockPasses }) => blockPasses / spec.layers.core)).toEqual([
      2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2,
    ]);
    const again = await written(model, { loops: alternating(), cachePolicy: "recompute" });
    const at = (tokens: GeneratedToken[]) => (tokens[2] as GeneratedToken).logits;
    expect(largestGap(at(shared), at(again))).toBeGreaterThan(1e-6);
  });

  test("on onnxruntime as in the interpreter", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    for (const cachePolicy of ["recompute", "share-last"] as const) {
      const native = await written({ ...model, runtime }, { loops: alternating(), cachePolicy });
      const exact = await written(model, { loops: alternating(), cachePolicy });
      expect(native.map(({ token }) => token)).toEqual(exact.map(({ token }) => token));
    }
  });

  /** Plain decoding's prediction after a text. */
  async function written2(text: readonly number[]): Promise<GeneratedToken[]> {
    const all: GeneratedToken[] = [];
    for await (const token of generate(model, text, { temperature: 0, maxTokens: 1 })) all.push(token);
    return all;
  }
});

describe("errors", () => {
  test("a limit that is no limit, counts without a token", () => {
    expect(errorOf(() => untilSettled({ change: -1 })).message).toContain("an exit rule with change -1");
    expect(errorOf(() => untilConfident({ kl: Number.NaN })).message).toContain("an exit rule with kl NaN");
    expect(errorOf(() => exitAtRandom([0, 0])).code).toBe("EXIT");
  });

  test.each(["kl", "kl>0.1", "probability<0.9", "depth<3", "kl<x", ""])("the text %j", (text) => {
    const error = errorOf(() => exitRule(text));
    expect(error.code).toBe("EXIT");
    expect(error.detail.given).toContain(text);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { argmax, checkSampling, type SamplingOptions, sampleToken } from "../../src/decode/sampling.ts";
import { rng } from "../../src/util/rng.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const logitsOf = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 12 });
const setup = fc.record({
  logits: logitsOf,
  temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
  topK: fc.integer({ min: 1, max: 14 }),
  topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
  seed: fc.nat(),
});
const softmax = (logits: readonly number[], temperature = 1) => {
  const best = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp((logit - best) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
};
/** Tokens from the most to the least likely; the lower first where equal. */
const ranked = (logits: readonly number[]) =>
  logits.map((_, token) => token).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);

/** How often each token comes in many draws. */
function shares(logits: readonly number[], options: SamplingOptions, draws = 20_000): number[] {
  const random = rng(3, "draws");
  const counts = new Array<number>(logits.length).fill(0);
  for (let draw = 0; draw < draws; draw++) {
    const token = sampleToken(logits, options, random);
    counts[token] = (counts[token] as number) + 1;
  }
  return counts.map((count) => count / draws);
}
/** Five standard errors of a share. */
const slack = (probability: number, draws = 20_000) =>
  5 * Math.sqrt((probability * (1 - probability)) / draws);

describe("sampling", () => {
  test("temperature 0, top-k 1 and a tiny top-p take the most likely token, the lower of equals", () => {
    fc.assert(
      fc.property(setup, ({ logits, seed, temperature }) => {
        const best = ranked(logits)[0];
        expect(sampleToken(logits, { temperature: 0 }, rng(seed))).toBe(best);
        expect(sampleToken(logits, { temperature, topK: 1 }, rng(seed))).toBe(best);
        expect(sampleToken(logits, { temperature, topP: 1e-9 }, rng(seed))).toBe(best);
        expect(argmax(logits)).toBe(best);
      }),
    );
  });

  test("top-k never leaves the k most likely tokens", () => {
    fc.assert(
      fc.property(setup, ({ logits, temperature, topK, seed }) => {
        const token = sampleToken(logits, { temperature, topK }, rng(seed));
        expect(ranked(logits).slice(0, topK)).toContain(token);
      }),
    );
  });

  test("top-p never leaves the smallest set that holds the probability", () => {
    fc.assert(
      fc.property(setup, ({ logits, temperature, topP, seed }) => {
        const probabilities = softmax(logits, temperature);
        const order = ranked(logits);
        const token = sampleToken(logits, { temperature, topP }, rng(seed));
        const before = order.slice(0, order.indexOf(token));
        expect(before.reduce((sum, other) => sum + (probabilities[other] as number), 0)).toBeLessThan(
          topP + 1e-9,
        );
      }),
    );
  });

  test("a constant added to all logits changes nothing", () => {
    fc.assert(
      fc.property(setup, ({ logits, temperature, topK, seed }) => {
        const whole = logits.map(Math.round);
        const shifted = whole.map((logit) => logit + 1000);
        const draw = (values: readonly number[]) => sampleToken(values, { temperature, topK }, rng(seed));
        expect(draw(shifted)).toBe(draw(whole));
      }),
    );
  });

  test.each([0.5, 1, 2])("tokens come as often as their probability at temperature %d", (temperature) => {
    const logits = [0, 1, -1, 2, 0.5];
    const expected = softmax(logits, temperature);
    for (const [token, share] of shares(logits, { temperature }).entries()) {
      expect(Math.abs(share - (expected[token] as number))).toBeLessThan(slack(expected[token] as number));
    }
  });

  test("what top-k and top-p keep is renormalised", () => {
    // Probabilities 0.4, 0.3, 0.2, 0.1: top-p 0.65 keeps the first two, top-k 3 the first three.
    const logits = [0.2, 0.4, 0.1, 0.3].map(Math.log);
    const nucleus = shares(logits, { temperature: 1, topP: 0.65 });
    for (const [token, expected] of [0, 4 / 7, 0, 3 / 7].entries()) {
      expect(Math.abs((nucleus[token] as number) - expected)).toBeLessThan(slack(expected) + 1e-12);
    }
    const top = shares(logits, { temperature: 1, topK: 3 });
    for (const [token, expected] of [2 / 9, 4 / 9, 0, 3 / 9].entries()) {
      expect(Math.abs((top[token] as number) - expected)).toBeLessThan(slack(expected) + 1e-12);
    }
  });

  test("top-k is applied first, then top-p to what it kept", () => {
    const logits = [0.4, 0.3, 0.2, 0.1].map(Math.log);
    const kept = shares(logits, { temperature: 1, topK: 2, topP: 0.5 });
    expect(kept).toEqual([1, 0, 0, 0]);
  });
});

describe("checkSampling", () => {
  test.each([
    [{ temperature: -1 }, "temperature -1", "a number of at least 0"],
    [{ temperature: Number.NaN }, "temperature NaN", "a number of at least 0"],
    [{ temperature: 1, topK: 0 }, "top-k 0", "a whole number of at least 1"],
    [{ temperature: 1, topK: 2.5 }, "top-k 2.5", "a whole number of at least 1"],
    [{ temperature: 1, topP: 0 }, "top-p 0", "a number above 0 and at most 1"],
    [{ temperature: 1, topP: 1.01 }, "top-p 1.01", "a number above 0 and at most 1"],
  ])("%j is refused", (options, given, expected) => {
    const error = errorOf(() => checkSampling(options));
    expect(error.code).toBe("SAMPLING");
    expect(error.detail).toMatchObject({ given, expected });
  });

  test("the bounds themselves are allowed", () => {
    expect(() => checkSampling({ temperature: 0, topK: 1, topP: 1 })).not.toThrow();
  });
});

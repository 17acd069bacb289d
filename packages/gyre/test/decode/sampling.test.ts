import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  argmax,
  checkSampling,
  type SamplingOptions,
  sampleToken,
  samplingDistribution,
  softmaxOf,
} from "../../src/decode/sampling.ts";
import { type Rng, rng } from "../../src/util/rng.ts";
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

/** What top-k and top-p leave, with the whole vocabulary sorted: the tokens by rank, and their weights. */
function sorted(logits: ArrayLike<number>, { temperature, topK = logits.length, topP = 1 }: SamplingOptions) {
  const tokens = ranked(Array.from(logits)).slice(0, topK);
  const best = logits[tokens[0]!]!;
  const all = tokens.map((token) => Math.exp((logits[token]! - best) / temperature));
  const mass = all.reduce((sum, weight) => sum + weight, 0);
  let [total, count] = [0, 0];
  while (count < all.length && (count === 0 || total < topP * mass)) total += all[count++]!;
  return { tokens, weights: all.slice(0, count), total };
}

/**
 * The token at which the weights pass a share of their sum: in order of rank where top-k or top-p leaves some, by id
 * where all are left.
 */
function sortedDraw(logits: ArrayLike<number>, options: SamplingOptions, random: Rng): number {
  const { tokens, weights, total } = sorted(logits, options);
  const { topK = logits.length, topP = 1 } = options;
  const kept = tokens.slice(0, weights.length).map((token, rank) => ({ token, weight: weights[rank]! }));
  if (topK >= logits.length && topP === 1) kept.sort((a, b) => a.token - b.token);
  let rest = random.uniform() * total;
  const drawn = kept.find(({ weight }) => {
    rest -= weight;
    return rest < 0;
  });
  return (drawn ?? kept.at(-1)!).token;
}

/** Vocabularies with ties, far outliers, and all values equal; as numbers and as a model gives them. */
const vocabularyOf = fc
  .record({
    size: fc.integer({ min: 1, max: 3000 }),
    seed: fc.nat(),
    spread: fc.constantFrom(0, 1e-30, 0.01, 1, 4, 300),
    grain: fc.constantFrom(0, 0.5, 5),
    outlier: fc.constantFrom(0, -1e6, 50),
    isFloat32: fc.boolean(),
  })
  .map(({ size, seed, spread, grain, outlier, isFloat32 }) => {
    const random = rng(seed);
    const logits = Array.from({ length: size }, () => {
      const logit = spread * random.normal();
      return grain === 0 ? logit : Math.round(logit / grain) * grain;
    });
    if (outlier !== 0) logits[random.below(size)] = outlier;
    return isFloat32 ? Float32Array.from(logits) : logits;
  });
const cut = fc.record(
  {
    temperature: fc.constantFrom(0.05, 0.7, 1, 3),
    topK: fc.constantFrom(1, 2, 40, 500, 2999),
    topP: fc.constantFrom(1e-9, 0.3, 0.9, 0.999, 1),
  },
  { requiredKeys: ["temperature"] },
);

describe("without sorting the vocabulary", () => {
  test("the distribution is that of the sorted one", () => {
    fc.assert(
      fc.property(vocabularyOf, cut, (logits, options) => {
        const { tokens, weights, total } = sorted(logits, options);
        const expected = new Float64Array(logits.length);
        for (const [rank, weight] of weights.entries()) expected[tokens[rank]!] = weight / total;
        const distribution = samplingDistribution(logits, options);
        const gap = distribution.map((value, token) => Math.abs(value - expected[token]!));
        // sums of 3,000 weights, rounded in different orders
        expect(Math.max(...gap)).toBeLessThan(1e-12);
        expect(distribution.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
      }),
      { numRuns: 400 },
    );
  });

  test("a seed draws the tokens that sums of all weights draw", () => {
    fc.assert(
      fc.property(vocabularyOf, cut, fc.nat(), (logits, options, seed) => {
        const [mine, theirs] = [rng(seed), rng(seed)];
        for (let draw = 0; draw < 4; draw++)
          expect(sampleToken(logits, options, mine)).toBe(sortedDraw(logits, options, theirs));
      }),
      { numRuns: 400 },
    );
  });

  test("tokens of a vocabulary of 3,000 come as often as their probability (chi-squared)", () => {
    const random = rng(5, "logits");
    const logits = Float32Array.from({ length: 3000 }, () => random.normal());
    const options = { temperature: 1.2, topP: 0.9 };
    const distribution = samplingDistribution(logits, options);
    const draws = 20_000;
    // by 64 classes of ids: each of them is expected often enough
    const [counts, expected] = [new Float64Array(64), new Float64Array(64)];
    for (const [token, probability] of distribution.entries()) expected[token % 64]! += draws * probability;
    const draw = rng(6, "draws");
    for (let index = 0; index < draws; index++) counts[sampleToken(logits, options, draw) % 64]!++;
    const chiSquared = counts.reduce(
      (sum, count, at) => sum + (count - expected[at]!) ** 2 / expected[at]!,
      0,
    );
    // 63 degrees of freedom: 103.4 is passed once in a thousand
    expect(chiSquared).toBeLessThan(103.4);
    expect(Math.min(...expected)).toBeGreaterThan(50);
  });
});

describe("logits that are not finite", () => {
  test.each([
    [[1, Number.NaN, 2, Number.NaN], "logits that are not finite: 2 of 4, the first NaN for token 1"],
    [[1, 2, Number.POSITIVE_INFINITY], "logits that are not finite: 1 of 3, the first Infinity for token 2"],
    [[Number.NEGATIVE_INFINITY, 2], "logits that are not finite: 1 of 2, the first -Infinity for token 0"],
    [[Number.NaN], "logits that are not finite: 1 of 1, the first NaN for token 0"],
  ])("%j are refused by name, at every setting", (logits, given) => {
    for (const options of [
      { temperature: 0 },
      { temperature: 1 },
      { temperature: 1, topK: 1 },
      { temperature: 1, topP: 0.5 },
    ]) {
      for (const run of [
        () => sampleToken(logits, options, rng(1)),
        () => samplingDistribution(Float32Array.from(logits), options),
      ]) {
        const error = errorOf(run);
        expect(error.code).toBe("LOGITS");
        expect(error.detail.given).toBe(given);
      }
    }
  });
});

describe("softmaxOf", () => {
  test("is exp over its sum, to 1e-15", () => {
    fc.assert(
      fc.property(logitsOf, (logits) => {
        const expected = softmax(logits);
        for (const [token, value] of softmaxOf(logits).entries())
          expect(Math.abs(value - expected[token]!)).toBeLessThan(1e-15);
      }),
    );
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

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lensReading } from "../../../src/measure/states/lens.ts";
import { errorOf } from "../../checkpoint/helpers.ts";

const logs = (...probabilities: number[]) => Float64Array.from(probabilities, Math.log);

describe("logit lens", () => {
  test("by hand: top tokens, KL in nats, rank of the final token", () => {
    const { top, kl, rank } = lensReading(logs(0.5, 0.3, 0.2), logs(0.25, 0.25, 0.5), 2);
    expect(top.map(({ token }) => token)).toEqual([0, 1]);
    expect(top[0]!.probability).toBeCloseTo(0.5, 14);
    expect(kl).toBeCloseTo(0.5 * Math.log(2) + 0.3 * Math.log(1.2) + 0.2 * Math.log(0.4), 14);
    expect(rank).toBe(3);
  });

  test("the last loop is 0 from itself, its token in the first place; of equal ones the lower token", () => {
    expect(lensReading(logs(0.4, 0.4, 0.2), logs(0.4, 0.4, 0.2), 3)).toMatchObject({ kl: 0, rank: 1 });
    expect(lensReading(logs(0.4, 0.4, 0.2), logs(0.1, 0.8, 0.1), 1)).toMatchObject({ rank: 2 });
  });

  test("probabilities that underflow still count", () => {
    expect(lensReading(Float64Array.of(0, -10), Float64Array.of(-2000, 0), 1).kl).toBeCloseTo(2000, 0);
  });

  test("no logits: an error", () => {
    expect(errorOf(() => lensReading(Float64Array.of(0, Number.NaN), logs(0.5, 0.5), 1)).code).toBe("LOGITS");
  });

  test("KL is never negative and blind to a shift of the logits; tops are sorted and as many as asked for", () => {
    const logits = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(logits, logits, fc.integer({ min: 1, max: 6 }), (x, y, count) => {
        const one = lensReading(Float64Array.from(x), Float64Array.from(y), count);
        const shifted = lensReading(
          Float64Array.from(x, (value) => value + 5),
          Float64Array.from(y),
          count,
        );
        expect(one.kl).toBeGreaterThanOrEqual(0);
        expect(shifted.kl).toBeCloseTo(one.kl, 9);
        expect(one.top).toHaveLength(count);
        expect(one.rank).toBeGreaterThanOrEqual(1);
        const chances = one.top.map(({ probability }) => probability);
        expect(chances).toEqual(chances.toSorted((a, b) => b - a));
      }),
    );
  });
});

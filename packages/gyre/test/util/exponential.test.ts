import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expOf } from "../../src/util/exponential.ts";

describe("expOf", () => {
  test("is exp to 1e-15 of itself", () => {
    fc.assert(
      fc.property(fc.double({ min: -699, max: 0, noNaN: true }), (x) => {
        expect(Math.abs(expOf(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    [0, 1],
    [-0, 1],
    [-1e-320, 1],
    [-701, expOf(-700)],
    [Number.NEGATIVE_INFINITY, expOf(-700)],
    [Number.NaN, Number.NaN],
  ])("of %d is %d", (x, expected) => {
    expect(expOf(x)).toBe(expected);
  });
});

import { describe, expect, it } from "vitest";
import { rng } from "../../src/util/rng.ts";
import { bootstrapBands, mean, median, quantile, standardError } from "../../src/util/statistics.ts";

describe("quantile", () => {
  it("is NumPy's: linear between the order statistics", () => {
    // np.quantile([7, 1, 3, 10], [0, 0.25, 0.5, 0.75, 1])
    const given = [7, 1, 3, 10];
    expect([0, 0.25, 0.5, 0.75, 1].map((q) => quantile(given, q))).toEqual([1, 2.5, 5, 7.75, 10]);
    expect(given).toEqual([7, 1, 3, 10]);
  });

  it("is NaN of nothing, and keeps infinities", () => {
    expect(quantile([], 0.5)).toBeNaN();
    expect(quantile([1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], 0.75)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe("median", () => {
  it("is the middle one of an odd number, and the mean of the two in the middle of an even one", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median(Float32Array.of(8))).toBe(8);
    expect(median([])).toBeNaN();
  });
});

describe("mean and standard error", () => {
  it("are those of a sample by hand", () => {
    const values = [1, 2, 3, 6];
    expect(mean(values)).toBe(3);
    expect(mean([])).toBeNaN();
    // variance (4 + 1 + 0 + 9) / 4 = 3.5
    expect(standardError(12, 1 + 4 + 9 + 36, 4)).toBeCloseTo(Math.sqrt(3.5 / 4), 12);
    expect(standardError(3 * 0.1, 3 * 0.1 * 0.1, 3)).toBeCloseTo(0, 8);
  });
});

describe("bootstrapBands", () => {
  it("covers the mean as a normal approximation does, and draws the same rows for every column", () => {
    const random = rng(3, "sample");
    const column = Float64Array.from({ length: 400 }, () => random.normal());
    const shifted = column.map((value) => value + 10);
    const [band, other] = bootstrapBands([column, shifted], { random: rng(1, "bootstrap"), resamples: 2000 });
    const squares = column.reduce((sum, value) => sum + value * value, 0);
    const error = standardError(mean(column) * 400, squares, 400);
    // 1.645 standard errors on either side, within what 2,000 resamples can tell
    expect(band!.high - mean(column)).toBeCloseTo(1.645 * error, 2);
    expect(mean(column) - band!.low).toBeCloseTo(1.645 * error, 2);
    expect(other!.low - band!.low).toBeCloseTo(10, 10);
  });
});

import { describe, expect, it } from "vitest";
import { linearTicks, logTicks, scaleFor } from "../../src/report/scale.ts";

const axis = { title: "" };
const ends = { from: 0, to: 100 };

describe("scaleFor", () => {
  it("is linear within a factor of four, and logarithmic beyond it, unless the axis says", () => {
    expect(scaleFor(axis, [2, 4], ends).at(3)).toBeCloseTo(50, 10);
    expect(scaleFor(axis, [1, 100], ends).at(10)).toBeCloseTo(50, 10);
    expect(scaleFor({ title: "", kind: "linear" }, [1, 100], ends).at(50.5)).toBeCloseTo(50, 10);
    expect(scaleFor({ title: "", kind: "log" }, [1, 2], ends).at(Math.SQRT2)).toBeCloseTo(50, 10);
    expect(scaleFor(axis, [3], ends).at(3)).toBeCloseTo(50, 10);
  });

  it("spans at least a twentieth of the value, ten standard errors, or a factor of two", () => {
    const span = (values: readonly number[], kind: "linear" | "log", noise = 0) => {
      const { low, high } = scaleFor({ title: "", kind }, values, { ...ends, noise });
      return kind === "log" ? high / low : high - low;
    };
    expect(span([2, 2.002], "linear")).toBeCloseTo(0.05 * 2.002 * 1.12, 6);
    expect(span([2, 2.002], "linear", 0.02)).toBeCloseTo(0.2 * 1.12, 6);
    expect(span([2, 3], "linear", 0.02)).toBeCloseTo(1.12, 6);
    expect(span([1e-15, 1.1e-15], "log")).toBeCloseTo(2 ** 1.12, 6);
    expect(span([0, 0], "linear")).toBeCloseTo(1.12, 6);
  });

  it("ticks whole numbers with whole numbers", () => {
    const ticks = (values: readonly number[]) => scaleFor(axis, values, ends).ticks.map(({ text }) => text);
    expect(ticks([1, 2, 3, 4])).toEqual(["1", "2", "3", "4"]);
    expect(ticks([0, 10])).toEqual(["0", "2", "4", "6", "8", "10"]);
    expect(ticks([5, 8, 16])).toEqual(["6", "8", "10", "12", "14", "16"]);
    expect(ticks([1, 3, 7])).toEqual(["1", "2", "3", "5", "7"]);
    expect(ticks([0.5, 1])).toEqual(["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]);
  });

  it("writes small and large numbers short", () => {
    const texts = (kind: "linear" | "log", values: readonly number[], hasPrefixes = false) =>
      scaleFor({ title: "", kind, hasPrefixes }, values, ends).ticks.map(({ text }) => text);
    expect(texts("log", [1e-16, 1])).toEqual(["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]);
    expect(texts("log", [0.02, 5])).toEqual(["0.03", "0.1", "0.3", "1", "3"]);
    expect(texts("linear", [1e-9, 2e-9])).toEqual(["10⁻⁹", "1.25·10⁻⁹", "1.5·10⁻⁹", "1.75·10⁻⁹", "2·10⁻⁹"]);
    expect(texts("linear", [-5e7, 5e7])).toEqual(["-5·10⁷", "-2.5·10⁷", "0", "2.5·10⁷", "5·10⁷"]);
    expect(texts("linear", [0.001, 0.003])).toEqual(["0.0010", "0.0015", "0.0020", "0.0025", "0.0030"]);
    expect(texts("linear", [2e6, 8e6], true)).toEqual(["2M", "4M", "6M", "8M"]);
  });

  it("takes ticks of one's own", () => {
    const ticks = [{ at: 1, text: "one" }];
    expect(scaleFor({ title: "", ticks }, [0, 2], ends).ticks).toEqual(ticks);
  });
});

describe("ticks", () => {
  it("are round", () => {
    expect(linearTicks(0.93, 2.12)).toEqual([1, 1.25, 1.5, 1.75, 2]);
    expect(linearTicks(-0.3, 10.3, true)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(logTicks(900, 1.2e6)).toEqual([1000, 10_000, 100_000, 1_000_000]);
    expect(logTicks(0.9, 4.2, true)).toEqual([1, 2, 3, 4]);
  });

  it("end also where the axis reaches the ends of the numbers", () => {
    const { ticks, low, high } = scaleFor({ title: "", kind: "log" }, [5e-324, 1.7e308], ends);
    expect([low, high]).toEqual([Number.MIN_VALUE, Number.MAX_VALUE]);
    expect(ticks.length).toBeGreaterThan(3);
    expect(ticks.length).toBeLessThan(10);
  });
});

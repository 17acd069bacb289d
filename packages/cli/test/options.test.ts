import { describe, expect, test } from "vitest";
import { most } from "../../gyre/src/util/limits.ts";
import { loopsRange, mostLoops, number, trajectory, whole, wholes, word } from "../src/options.ts";

describe("option texts", () => {
  test("ranges of loops", () => {
    expect(loopsRange("4")(8)).toEqual([4]);
    expect(loopsRange("1..L")(4)).toEqual([1, 2, 3, 4]);
    expect(loopsRange("8,1..3,2")(4)).toEqual([1, 2, 3, 8]);
    expect(loopsRange("L")(6)).toEqual([6]);
    for (const text of ["", "4-8", "1...3", "a", "1,,2", "-1"])
      expect(() => loopsRange(text), text).toThrow("It must be");
  });

  test("lists of whole numbers", () => {
    expect(wholes("8")).toEqual([8]);
    expect(wholes("8, 16,3..5,4")).toEqual([3, 4, 5, 8, 16]);
    for (const text of ["", "L", "1...3", "a", "1,,2", "-1"])
      expect(() => wholes(text), text).toThrow("It must be like 8");
    expect(() => wholes("5..4")).toThrow("It must go from the smaller");
  });

  test("a list is no longer than anything has loops or sizes", () => {
    expect(mostLoops).toBe(most.loops);
    expect(loopsRange("1..1024")(4)).toHaveLength(1024);
    for (const text of ["1..1000000000", "9007199254740993", "L..1025"])
      expect(() => loopsRange(text), text).toThrow("It must hold numbers of at most 1024.");
    expect(() => wholes("1..1000000000")).toThrow("It must hold numbers of at most 1048576.");
  });

  test("numbers", () => {
    expect(whole(0)("12")).toBe(12);
    for (const text of ["", "1.5", "-1", "1e3", "0x10"])
      expect(() => whole(0)(text), text).toThrow("at least 0");
    expect(number(0)("1e-3")).toBe(1e-3);
    expect(() => number(0, true)("0")).toThrow("above 0");
    for (const text of ["", "Infinity", "nan", "-1"])
      expect(() => number(0)(text), text).toThrow("It must be");
  });

  test("words and trajectories", () => {
    expect(word("a", "b")("b")).toBe("b");
    expect(() => word("a", "b")("c")).toThrow("It must be a or b.");
    expect(trajectory("0.5, 0.25,0.25")).toEqual([0.5, 0.25, 0.25]);
    expect(() => trajectory("0.5,,0.5")).toThrow("step sizes");
  });
});

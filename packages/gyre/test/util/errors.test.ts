import { expect, test } from "vitest";
import { GyreError, listOf } from "../../src/util/errors.ts";
import { sizeOf, stridesOf } from "../../src/util/tensor.ts";

test("an error says what was given, what was expected and what to do", () => {
  const error = new GyreError("CODE", { given: "a", expected: "b", fix: "c" });
  expect(error.message).toBe("CODE: a\n  expected: b\n  fix: c");
  expect(error.code).toBe("CODE");
  expect(error).toBeInstanceOf(Error);
});

test("lists read as a sentence", () => {
  expect(listOf([])).toBe("");
  expect(listOf(["a"])).toBe('"a"');
  expect(listOf(["a", 2, "c"])).toBe('"a", 2 or "c"');
});

test("sizes and strides", () => {
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([2, 3, 0])).toBe(0);
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
});

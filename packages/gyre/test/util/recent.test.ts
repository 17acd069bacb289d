import { expect, test } from "vitest";
import { Recent } from "../../src/util/recent.ts";

test("what was asked for longest ago goes first, and is given back", () => {
  const recent = new Recent<string>({ room: 2 });
  expect([...recent.set("a", "A"), ...recent.set("b", "B")]).toEqual([]);
  expect(recent.get("a")).toBe("A");
  expect(recent.set("c", "C")).toEqual(["B"]);
  expect([recent.get("a"), recent.get("b"), recent.get("c")]).toEqual(["A", undefined, "C"]);
});

test("values weigh what they are said to; one alone stays, however heavy", () => {
  const recent = new Recent<number>({ room: 10, weigh: (value) => value });
  recent.set("a", 4);
  recent.set("b", 5);
  expect(recent.weight).toBe(9);
  expect(recent.set("c", 3)).toEqual([4]);
  expect(recent.set("d", 50)).toEqual([5, 3]);
  expect([recent.weight, recent.get("d")]).toEqual([50, 50]);
  expect(recent.set("e", 1)).toEqual([50]);
});

test("a key that is set again gives its old value back", () => {
  const recent = new Recent<number>({ room: 10, weigh: (value) => value });
  recent.set("a", 4);
  expect(recent.set("a", 6)).toEqual([4]);
  expect(recent.weight).toBe(6);
  expect(recent.delete("a")).toEqual([6]);
  expect(recent.delete("a")).toEqual([]);
  recent.set("b", 1);
  recent.set("c", 2);
  expect(recent.clear()).toEqual([1, 2]);
  expect(recent.weight).toBe(0);
});

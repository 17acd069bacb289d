import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { groupNamed, groupNames } from "../../../src/tasks/tokens/groups.ts";
import { tokenTaskNamed } from "../../../src/tasks/tokens/index.ts";
import { byHand, drawn, wordsOf } from "./helpers.ts";

describe.each(groupNames)("the group %s", (name) => {
  const { elements, table: tableOf } = groupNamed(name);
  const table = tableOf();
  const order = elements.length;
  const then = (a: number, b: number) => table[a * order + b]!;
  const element = fc.integer({ min: 0, max: order - 1 });

  test("has its order and names", () => {
    expect(order).toBe({ S3: 6, A5: 60, S5: 120, Z60: 60 }[name]);
    expect(new Set(elements).size).toBe(order);
  });

  test("is a group: closed, associative, with a neutral element and inverses", () => {
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(then(then(a, b), c)).toBe(then(a, then(b, c)));
        expect([then(0, a), then(a, 0)]).toEqual([a, a]);
      }),
    );
    for (let a = 0; a < order; a++) {
      const row = Array.from({ length: order }, (_, b) => then(a, b));
      expect(new Set(row).size).toBe(order);
      expect(row).toContain(0);
    }
  });

  test("is abelian where it should be, and solvable only where it is: A5 and S5 are not", () => {
    let own = Array.from({ length: order }, (_, a) => a);
    const inverse = (a: number) => own0.find((b) => then(a, b) === 0)!;
    const own0 = own;
    /** The subgroup that the commutators of a subgroup generate. */
    const derived = (group: readonly number[]) => {
      const found = new Set([0]);
      for (const a of group) for (const b of group) found.add(then(then(inverse(a), inverse(b)), then(a, b)));
      for (const a of found) for (const b of [...found]) found.add(then(a, b));
      return [...found];
    };
    const sizes = [order];
    for (;;) {
      own = derived(own);
      if (own.length === sizes.at(-1)) break;
      sizes.push(own.length);
    }
    expect(sizes).toEqual({ S3: [6, 3, 1], A5: [60], S5: [120, 60], Z60: [60, 1] }[name]);
  });
});

describe("words", () => {
  // Of three things, 213 swaps the first two and 132 the last two. 213 then 132: the first thing goes to place 2 and on
  // to 3, the second to 1, the third to 3 and on to 2: 312. Then 213 again: 3 stays, 1 to 2, 2 to 1: 321.
  test("by hand: 213, 132, 213", () => {
    const words = tokenTaskNamed("words");
    const problem = byHand(words, "213 132 213", "213 312 321", 0);
    const drawnOne = drawn(words, { difficulty: 3, batch: 4000 }).find(
      ({ tokens }) => Array.from(tokens).join() === Array.from(problem.tokens).join(),
    );
    expect(wordsOf(words, drawnOne!).targets).toEqual(["213", "312", "321"]);
  });

  test.each(["S3", "A5", "S5"])(
    "of %s agree with permutations that are applied one after the other",
    (group) => {
      const task = tokenTaskNamed("words", group);
      for (const problem of drawn(task, { difficulty: 40 })) {
        const { tokens, targets } = wordsOf(task, problem);
        const things = [..."12345"].slice(0, tokens[0]!.length);
        // Where each thing is by now.
        let places = things.map((thing) => Number(thing));
        tokens.forEach((permutation, at) => {
          places = places.map((place) => Number(permutation[place - 1]));
          expect(places.join("")).toBe(targets[at]);
        });
      }
    },
  );

  test("of Z60 agree with sums", () => {
    const task = tokenTaskNamed("words", "Z60");
    for (const problem of drawn(task, { difficulty: 40 })) {
      const { tokens, targets } = wordsOf(task, problem);
      let sum = 0;
      tokens.forEach((value, at) => {
        sum += Number(value);
        expect(String(sum % 60)).toBe(targets[at]);
      });
    }
  });

  test("draw every element about equally often", () => {
    const counts = new Map<number, number>();
    for (const { tokens } of drawn(tokenTaskNamed("words"), { batch: 500 }))
      for (const token of Array.from(tokens)) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(200);
    expect(counts.size).toBe(6);
  });
});

describe("sums", () => {
  test.each([
    ["parity", undefined, 2],
    ["modular-sum", "5", 5],
    ["modular-sum", "10", 10],
    ["modular-sum", "23", 23],
  ])("%s %s: one answer, at the end, that is the sum modulo %i", (name, variant, modulus) => {
    const task = tokenTaskNamed(name, variant);
    for (const problem of drawn(task, { batch: 50 })) {
      const { tokens, targets, answer, difficulty } = wordsOf(task, problem);
      expect(tokens.at(-1)).toBe("=");
      const values = tokens.slice(0, -1).map(Number);
      expect(values.length).toBe(difficulty);
      expect(Math.max(...values)).toBeLessThan(modulus);
      expect(answer).toEqual([String(values.reduce((sum, value) => sum + value, 0) % modulus)]);
      expect(targets.at(-1)).toBe(answer[0]);
    }
  });

  test("by hand: 1 0 1 1 has odd parity; its prefixes are odd, odd, even, odd", () => {
    const find = (name: string, difficulty: number, text: string) => {
      const task = tokenTaskNamed(name);
      const all = drawn(task, { batch: 400, difficulty }).map((problem) => wordsOf(task, problem));
      return all.find(({ tokens }) => tokens.join(" ") === text)!;
    };
    expect(find("parity", 4, "1 0 1 1 =").answer).toEqual(["1"]);
    expect(find("prefix-sum", 4, "1 0 1 1").targets).toEqual(["1", "1", "0", "1"]);
  });

  test("prefix-sum agrees with the parity of each prefix", () => {
    const task = tokenTaskNamed("prefix-sum");
    for (const problem of drawn(task, { difficulty: 100 })) {
      const { tokens, targets } = wordsOf(task, problem);
      targets.forEach((target, at) => {
        const ones = tokens.slice(0, at + 1).filter((bit) => bit === "1").length;
        expect(target).toBe(String(ones % 2));
      });
    }
  });
});

describe("dyck", () => {
  /** What is left of a string when all that is closed has been struck out, again and again. */
  const openIn = (text: string): string => {
    const shorter = text.replace(/\(\)|\[\]|\{\}|<>/, "");
    return shorter === text ? text : openIn(shorter);
  };
  const closing = new Map([..."([{<"].map((bracket, at) => [bracket, ")]}>"[at]!]));

  test.each(["2", "3", "4"])(
    "%s: every prefix is legal, and its target closes what is open innermost",
    (variant) => {
      const task = tokenTaskNamed("dyck", variant);
      for (const problem of drawn(task, { batch: 20 })) {
        const { tokens, targets } = wordsOf(task, problem);
        targets.forEach((target, at) => {
          const open = openIn(tokens.slice(0, at + 1).join(""));
          expect(open).toMatch(/^[([{<]*$/);
          expect(target).toBe(closing.get(open.at(-1) ?? "") ?? "none");
        });
      }
    },
  );

  test("of five brackets of two kinds all 136 strings are drawn: they are too few to hold any out", () => {
    const task = tokenTaskNamed("dyck");
    // Legal are 10 rows of opening and closing: 1 opens five times, 4 open four times and 5 three times.
    expect(1 * 2 ** 5 + 4 * 2 ** 4 + 5 * 2 ** 3).toBe(136);
    const found = new Set(
      drawn(task, { batch: 6000, difficulty: 5 }).map(({ tokens }) => Array.from(tokens).join()),
    );
    expect(found.size).toBe(136);
    expect([5, 6].map((length) => task.isShared(length))).toEqual([true, false]);
  });

  test("by hand: ( [ ] ( ) )", () => {
    const task = tokenTaskNamed("dyck");
    const problem = byHand(task, "( [ ] ( ) )", ") ] ) ) ) none", 0);
    expect(openIn("([](")).toBe("((");
    const same = drawn(task, { batch: 8000, difficulty: 6 }).find(
      ({ tokens }) => Array.from(tokens).join() === Array.from(problem.tokens).join(),
    );
    expect(Array.from(same!.targets)).toEqual(problem.targets);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answerOf } from "../../../src/tasks/tokens/generator.ts";
import { tokenTaskNamed } from "../../../src/tasks/tokens/index.ts";
import { drawNodes } from "../../../src/tasks/tokens/node-names.ts";
import { rng } from "../../../src/util/rng.ts";
import { byHand, drawn, namesOf, wordsOf } from "./helpers.ts";

describe("p-hop", () => {
  /** find_1 of the definition, positions from 1; 0 where there is none. */
  const find = (v: readonly string[], i: number): number => {
    for (let j = i; j >= 2; j--) if (v[j - 2] === v[i - 1]) return j;
    return 0;
  };
  const hop = (v: readonly string[], p: number): string => {
    let i = v.length;
    for (let step = 0; step < p; step++) i = find(v, i);
    return i === 0 ? "none" : v[i - 1]!;
  };

  // B A C B D A: A was last at position 2, so one hop goes to the C at 3; there was no C before, so two go nowhere.
  // A C D A B D A D B: B was last at 5, so one hop goes to the D at 6; D was last at 3, so two go to the A at 4.
  test("by hand", () => {
    expect(hop([..."BACBDA"], 1)).toBe("C");
    expect(hop([..."BACBDA"], 2)).toBe("none");
    expect(hop([..."ACDABDADB"], 1)).toBe("D");
    expect(hop([..."ACDABDADB"], 2)).toBe("A");
  });

  test.each(["64", "256"])(
    "of %s letters: the answer is the definition's, and no hop stands still",
    (variant) => {
      const task = tokenTaskNamed("p-hop", variant);
      const answers = new Set<string>();
      for (const problem of drawn(task, { batch: 100, difficulty: { from: 1, to: task.difficulty.most } })) {
        const { tokens, targets, answer, difficulty } = wordsOf(task, problem);
        const [p, ...string] = tokens;
        expect(p).toBe(String(difficulty));
        expect(string.length).toBe(Number(variant));
        expect(answer).toEqual([hop(string, difficulty)]);
        expect(targets.at(-1)).toBe(answer[0]);
        answers.add(answer[0]!);
        let at = string.length;
        for (let step = 0; step < difficulty; step++) {
          expect(find(string, at)).toBeLessThan(at);
          at = find(string, at);
        }
      }
      expect([...answers].sort()).toEqual(["A", "B", "C", "D"]);
    },
  );
});

test.each(["16", "32"])(
  "pointers among %s nodes: following the pairs gives the answer, and no node twice",
  (variant) => {
    const task = tokenTaskNamed("pointers", variant);
    for (const problem of drawn(task, { batch: 60, difficulty: { from: 1, to: Number(variant) - 1 } })) {
      const { tokens, answer, difficulty } = wordsOf(task, problem);
      const [hops, start] = tokens.slice(-2) as [string, string];
      const pairs = tokens.slice(0, -2);
      const next = new Map<string, string>();
      for (let at = 0; at < pairs.length; at += 2) next.set(pairs[at]!, pairs[at + 1]!);
      expect([hops, next.size]).toEqual([String(difficulty), Number(variant)]);
      const visited = [start];
      for (let step = 0; step < difficulty; step++) visited.push(next.get(visited.at(-1)!)!);
      expect(visited.at(-1)).toBe(answer[0]);
      expect(new Set(visited).size).toBe(difficulty + 1);
    }
  },
);

/** Joins the parts of names: "n7-", "n16" is one of two tokens, "n3" one of one. */
const whole = (names: readonly string[]): string[] =>
  names
    .join(" ")
    .replaceAll("- ", "-")
    .split(" ")
    .filter((name) => name !== "");

describe("depo", () => {
  /** The cycle and the queries with their answers, from the text alone. */
  function parse(tokens: readonly string[], last: string) {
    const names = whole([...tokens, last]);
    const start = names.findIndex((name) => name.startsWith("k"));
    const edges = names.slice(1, start);
    const next = new Map<string, string>();
    for (let at = 0; at < edges.length; at += 2) next.set(edges[at]!, edges[at + 1]!);
    const queries = [
      ...names
        .slice(start)
        .join(" ")
        .matchAll(/k(\d+) (\S+) = (\S+)/g),
    ].map(([, k, from, to]) => ({ k: Number(k), from: from!, to: to! }));
    return { names, next, queries };
  }
  const follow = (next: ReadonlyMap<string, string>, from: string, k: number): string =>
    k === 0 ? from : follow(next, next.get(from)!, k - 1);

  test("by hand: a cycle of three, 1 -> 2 -> 3 -> 1", () => {
    const { next } = parse("begin n2 n3 n1 n2 n3 n1 k2 n1 =".split(" "), "n3");
    expect([1, 2, 3, 4].map((k) => follow(next, "n1", k))).toEqual(["n2", "n3", "n1", "n2"]);
  });

  test.each(["small", "depo1", "depo2"])(
    "%s: one cycle, and every query is answered by walking it",
    (variant) => {
      const task = tokenTaskNamed("depo", variant);
      for (const problem of drawn(task, { batch: 12 })) {
        const { tokens, answer, difficulty } = wordsOf(task, problem);
        const { names, next, queries } = parse(tokens, answer.at(-1)!);
        expect(names[0]).toBe("begin");
        const [first] = next.keys() as Iterable<string>;
        const cycle = new Set([first!]);
        for (let node = next.get(first!)!; node !== first; node = next.get(node)!) cycle.add(node);
        expect(cycle.size).toBe(next.size);
        expect(queries.length).toBe(Math.min(10, next.size));
        expect(new Set(queries.map(({ from }) => from)).size).toBe(queries.length);
        expect(Math.max(...queries.map(({ k }) => k))).toBe(difficulty);
        for (const { k, from, to } of queries) expect(follow(next, from, k)).toBe(to);
        expect(whole(answer)).toEqual(queries.map(({ to }) => to));
      }
    },
  );

  test("measures with all nodes and one number of steps", () => {
    const task = tokenTaskNamed("depo");
    for (const problem of drawn(task, { difficulty: 4 })) {
      const { tokens, answer } = wordsOf(task, problem);
      const { next, queries } = parse(tokens, answer.at(-1)!);
      expect(next.size).toBe(16);
      expect(queries.map(({ k }) => k)).toEqual(new Array(10).fill(4));
    }
  });

  test("names of depo1 have one or two tokens, of depo2 five to seven", () => {
    for (const [variant, lengths] of [["depo1", [1, 2]] as const, ["depo2", [5, 6, 7]] as const]) {
      const task = tokenTaskNamed("depo", variant);
      const { tokens } = wordsOf(task, drawn(task, { batch: 1, difficulty: 2 })[0]!);
      const { next } = parse(tokens, "");
      const found = new Set([...next.keys()].map((name) => name.split("-").length));
      expect([...found].sort()).toEqual(lengths);
    }
  });
});

test("small graphs are drawn more often: P(n) ~ 1 / (n + sqrt N)", () => {
  const random = rng(1, "nodes");
  const count = 40_000;
  const found = new Map<number, number>();
  for (let draw = 0; draw < count; draw++) {
    const n = drawNodes(random, 3, 16);
    found.set(n, (found.get(n) ?? 0) + 1);
  }
  const weights = Array.from({ length: 14 }, (_, at) => 1 / (at + 3 + 4));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  expect(found.size).toBe(14);
  // Five standard deviations of a binomial count.
  for (const [at, weight] of weights.entries()) {
    const expected = (count * weight) / total;
    expect(Math.abs(found.get(at + 3)! - expected)).toBeLessThan(5 * Math.sqrt(expected));
  }
});

describe("brevo", () => {
  const task = tokenTaskNamed("brevo");
  const ids = (text: string) => text.split(" ").map((name) => task.vocabulary.indexOf(name));

  function parse(tokens: readonly string[]) {
    const names = whole(tokens);
    const [query, equals] = [names.indexOf("query"), names.indexOf("=")];
    const edges: [string, string][] = [];
    for (let at = 1; at < query; at += 2) edges.push([names[at]!, names[at + 1]!]);
    return { edges, asked: names[query + 1]!, begins: names[0], end: equals - query };
  }
  /** Every right answer, by trying all orders in which one can go on. */
  function allOrders(edges: readonly (readonly [string, string])[], asked: string): string[][] {
    const needed = new Set([asked]);
    for (const node of needed) for (const [a, b] of edges) if (b === node) needed.add(a);
    const go = (done: readonly string[]): string[][] => {
      if (done.length === needed.size) return [[...done]];
      return [...needed]
        .filter((node) => !done.includes(node))
        .filter((node) => edges.every(([a, b]) => b !== node || done.includes(a)))
        .flatMap((node) => go([...done, node]));
    };
    return go([]);
  }

  // 1 and 2 are roots, 3 depends on both, 4 on 3; 5 depends on 1 and is not asked for.
  const problem = byHand(task, "begin n3 n4 n1 n3 n1 n5 n2 n3 query n4 = n1 n2 n3 n4", "n1 n2 n3 n4 end", 11);
  test.each([
    ["n1 n2 n3 n4 end", true],
    ["n2 n1 n3 n4 end", true],
    ["n1 n3 n2 n4 end", false],
    ["n1 n2 n3 n4", false],
    ["n1 n2 n4 end", false],
    ["n1 n2 n3 n4 n5 end", false],
    ["n1 n5 n2 n3 n4 end", false],
    ["n1 n2 n3 n3 n4 end", false],
    ["n1 n2 end n3 n4 end", false],
    ["end", false],
  ])("by hand: %s is right: %s", (answer, isRight) => {
    expect(task.grade(problem, ids(answer))).toBe(isRight);
  });

  test("the grader accepts exactly the orders that exist, of any that could be said", () => {
    for (const one of drawn(task, { batch: 40, difficulty: { from: 3, to: 7 } })) {
      const { edges, asked } = parse(wordsOf(task, one).tokens);
      const right = new Set(allOrders(edges, asked).map((order) => ids([...order, "end"].join(" ")).join()));
      const answer = answerOf(one).slice(0, -1);
      for (const order of permutationsOf(answer.slice(0, 6)))
        expect(task.grade(one, [...order, ...answer.slice(6), answerOf(one).at(-1)!])).toBe(
          right.has([...order, ...answer.slice(6), answerOf(one).at(-1)!].join()),
        );
    }
  });

  test.each(["small", "brevo1", "brevo2"])(
    "%s: a graph without cycles, at most four parents and children",
    (variant) => {
      const form = tokenTaskNamed("brevo", variant);
      for (const one of drawn(form, { batch: 20 })) {
        const { tokens, answer, difficulty } = wordsOf(form, one);
        const { edges, asked, begins } = parse(tokens);
        expect(begins).toBe("begin");
        const nodes = new Set(edges.flat());
        expect(nodes.size).toBeLessThanOrEqual(difficulty);
        for (const node of nodes) {
          expect(edges.filter(([parent]) => parent === node).length).toBeLessThanOrEqual(4);
          expect(edges.filter(([, child]) => child === node).length).toBeLessThanOrEqual(4);
        }
        expect(new Set(edges.map((edge) => edge.join())).size).toBe(edges.length);
        expect(answer.at(-1)).toBe("end");
        const order = whole(answer.slice(0, -1));
        expect(order.at(-1)).toBe(asked);
        for (const [parent, child] of edges)
          if (order.includes(child)) {
            expect(order.indexOf(parent)).toBeGreaterThanOrEqual(0);
            expect(order.indexOf(parent)).toBeLessThan(order.indexOf(child));
          }
        expect(form.grade(one, answerOf(one))).toBe(true);
      }
    },
  );

  test("brevo2 is graded by whole names: the last name cut short is wrong", () => {
    const form = tokenTaskNamed("brevo", "brevo2");
    const [one] = drawn(form, { batch: 1, difficulty: 10 });
    const answer = answerOf(one!);
    expect(namesOf(form, answer).some((name) => name.endsWith("-"))).toBe(true);
    expect(form.grade(one!, [...answer.slice(0, -2), answer.at(-1)!])).toBe(false);
  });

  test("no answer of random tokens passes by chance, and none makes the grader fail", () => {
    const [one] = drawn(task, { batch: 1, difficulty: 12 });
    const tokens = fc.array(fc.integer({ min: 0, max: task.vocabulary.length - 1 }), { maxLength: 20 });
    fc.assert(fc.property(tokens, (answer) => !task.grade(one!, answer)));
  });
});

function permutationsOf(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutationsOf([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}

import { describe, expect, test } from "vitest";
import { answerOf } from "../../../src/tasks/tokens/generator.ts";
import { tokenTaskNamed } from "../../../src/tasks/tokens/index.ts";
import { byHand, drawn, wordsOf } from "./helpers.ts";

describe("addition", () => {
  const task = tokenTaskNamed("addition");

  test("writes the paper's example as it does: 315+120+045+824=1304", () => {
    const text = "3 1 5 + 1 2 0 + 0 4 5 + 8 2 4 = 1 3 0 4";
    const problem = byHand(task, text, "1 3 0 4 .", 15);
    expect(task.grade(problem, answerOf(problem))).toBe(true);
    expect(315 + 120 + 45 + 824).toBe(1304);
    expect(task.maxLength(4)).toBe(problem.tokens.length);
  });

  test("is the sum of its operands, which have three digits", () => {
    for (const problem of drawn(task, { batch: 100 })) {
      const { tokens, answer, difficulty } = wordsOf(task, problem);
      const [sum, ...rest] = tokens.join("").split("=");
      const operands = sum!.split("+");
      expect(rest.length).toBe(1);
      expect(operands.length).toBe(difficulty);
      for (const operand of operands) expect(operand).toMatch(/^\d{3}$/);
      const expected = operands.reduce((total, operand) => total + BigInt(operand), 0n);
      expect(answer.join("")).toBe(`${expected}.`);
    }
  });

  test("draws 2, 4, 8, 16 or 32 numbers in training, about equally often, and any number that is measured", () => {
    const counts = new Map<number, number>();
    for (const { difficulty } of drawn(task, { batch: 1000 }))
      counts.set(difficulty, (counts.get(difficulty) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([2, 4, 8, 16, 32]);
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(60);
    expect(drawn(task, { difficulty: 24, batch: 1 })[0]?.difficulty).toBe(24);
    for (const { difficulty } of drawn(task, { difficulty: { from: 5, to: 7 } }))
      expect(difficulty >= 5 && difficulty <= 7).toBe(true);
  });
});

test.each([
  ["copy", (x: string) => x],
  ["reverse", (x: string) => [...x].reverse().join("")],
])("%s: x|y with the y that belongs to x", (name, expected) => {
  const task = tokenTaskNamed(name);
  for (const problem of drawn(task, { batch: 60, difficulty: { from: 1, to: 40 } })) {
    const { tokens, answer, difficulty } = wordsOf(task, problem);
    const [x, y] = tokens.join("").split("|");
    expect(x!.length).toBe(difficulty);
    expect(y).toBe(expected(x!));
    expect(answer.join("")).toBe(`${expected(x!)}.`);
  }
});

describe("variables", () => {
  /** Runs the text line by line, as a program would. */
  function run(text: string): number {
    const values = new Map<string, number>();
    for (const [, name, value] of text.matchAll(/([a-zA-Z])=(\w)[,;]/g))
      values.set(name!, values.get(value!) ?? Number(value));
    const asked = /([a-zA-Z])=\?$|print\(([a-zA-Z])\)$/.exec(text);
    return values.get((asked?.[1] ?? asked?.[2])!)!;
  }

  test("by hand: the paper's examples of depth 0 and 1", () => {
    expect(run("a=1,b=2,c=6,b=?")).toBe(2);
    expect(run("a=1,b=2,c=a,d=b,d=?")).toBe(2);
  });

  test.each(["math", "code"])(
    "%s: running the text gives the answer, through as many others as it says",
    (style) => {
      const task = tokenTaskNamed("variables", style);
      for (const problem of drawn(task, { batch: 60, difficulty: { from: 0, to: 16 } })) {
        const { tokens, answer, difficulty } = wordsOf(task, problem);
        const text = tokens.join("");
        expect(String(run(text))).toBe(answer[0]);
        let name = /([a-zA-Z])(=\?|\))$/.exec(text)?.[1] as string;
        let hops = 0;
        for (;;) {
          const value = new RegExp(`(?<![a-zA-Z])${name}=(\\w)`).exec(text)![1]!;
          if (/\d/.test(value)) break;
          name = value;
          hops++;
        }
        expect(hops).toBe(difficulty);
      }
    },
  );
});

describe("mano", () => {
  const task = tokenTaskNamed("mano");
  /** Reads one expression off the front. */
  function evaluate(names: string[]): number {
    const head = names.shift()!.replace("'", "");
    if (/^\d+$/.test(head)) return Number(head);
    const [a, b] = [evaluate(names), evaluate(names)];
    return (((head === "+" ? a + b : head === "-" ? a - b : a * b) % 23) + 23) % 23;
  }

  test("by hand: + 4 * 2 9 is 22, and - 3 * 5 5 is 3 - 25 = 1 modulo 23", () => {
    expect(evaluate(["+", "4", "*", "2", "9"])).toBe(22);
    expect(evaluate(["-'", "3", "*", "5", "5"])).toBe(1);
  });

  test("the answer is the value of its expression, which has as many operators as both marks say", () => {
    const seen = new Set<string>();
    for (const problem of drawn(task, { batch: 200 })) {
      const { tokens, answer, difficulty } = wordsOf(task, problem);
      const [begin, length, ...rest] = tokens;
      const mark = rest.pop();
      expect(begin).toMatch(/^begin'?$/);
      expect([length, mark].map((name) => name?.replace("'", ""))).toEqual([
        `length${difficulty}`,
        `answer${difficulty}`,
      ]);
      const operators = rest.filter((name) => /^[-+*]'?$/.test(name));
      expect(operators.length).toBe(difficulty);
      for (const operator of operators) seen.add(operator);
      expect(String(evaluate(rest))).toBe(answer[0]);
      expect(rest).toEqual([]);
    }
    expect([...seen].sort()).toEqual(["*", "*'", "+", "+'", "-", "-'"]);
  });

  test("holds out expressions, with all their synonyms", () => {
    const key = (isHeldOut: boolean) =>
      drawn(task, { batch: 1500, difficulty: 1, isHeldOut }).map((problem) =>
        wordsOf(task, problem).tokens.slice(2, -1).join(" ").replace("'", ""),
      );
    const [training, heldOut] = [new Set(key(false)), new Set(key(true))];
    expect([...heldOut].filter((one) => training.has(one))).toEqual([]);
    expect(heldOut.size).toBeGreaterThan(120);
  });
});

describe("igsm", () => {
  const task = tokenTaskNamed("igsm");
  const modulo = (value: number) => ((value % 7) + 7) % 7;

  interface Definitions {
    readonly rules: ReadonlyMap<string, string>;
    readonly asked: string;
  }
  const parse = (text: string): Definitions => ({
    rules: new Map([...text.matchAll(/(\S+) := ([^.]+) \./g)].map(([, name, rule]) => [name!, rule!])),
    asked: /(\S+) \?$/.exec(text)![1]!,
  });
  /** Looks up what a rule needs when it needs it; a factor multiplies all that follows. */
  function lookUp({ rules }: Definitions, name: string, visited = new Set<string>()): number {
    visited.add(name);
    const rule = rules.get(name)!;
    if (/^\d$/.test(rule)) return Number(rule);
    const [, factor, terms] = /^(?:(\d) \* )?(.+)$/.exec(rule)!;
    const [first, ...others] = terms!
      .split(/ [+-] /)
      .map((one) => lookUp({ rules, asked: "" }, one, visited));
    const sign = terms!.includes("-") ? -1 : 1;
    return modulo(Number(factor ?? 1) * others.reduce((sum, value) => sum + sign * value, first!));
  }

  // Saunshi et al., table 2; its worked solution ends in 0, and has I#N = 2 (J#P + H#J + E#I) = 18 = 4.
  const example =
    "E#I := 4 . E#J := E#I . K#N := I#N + J#O + F#K . F#K := E#J . J#O := F#K + K#O + E#J . H#J := E#J + F#K . " +
    "I#P := L#M + I#N + K#O . I#M := J#O + J#P + F#K . J#P := H#J - F#K . L#M := I#N + J#P + F#K . " +
    "I#N := 2 * J#P + H#J + E#I . K#O := J#P + I#N + E#J . I#P ?";

  test("speaks the paper's language: its example reads as it does there, and its answer is 0", () => {
    expect(example.split(" ").filter((name) => !task.vocabulary.includes(name))).toEqual([]);
    const definitions = parse(example);
    const values = ["H#J", "J#P", "I#N", "L#M", "K#O", "I#P"].map((name) => lookUp(definitions, name));
    expect(values).toEqual([1, 4, 4, 5, 5, 0]);
    const visited = new Set<string>();
    lookUp(definitions, "I#P", visited);
    expect(visited.size).toBe(9);
  });

  test("every answer follows from the text, through as many parameters as the difficulty says", () => {
    const all = drawn(task, { batch: 120, difficulty: { from: 1, to: 24 } });
    for (const problem of all) {
      const { tokens, answer, difficulty } = wordsOf(task, problem);
      const definitions = parse(tokens.join(" "));
      const visited = new Set<string>();
      expect(String(lookUp(definitions, definitions.asked, visited))).toBe(answer[0]);
      expect(visited.size).toBe(difficulty);
      expect(definitions.rules.size - difficulty).toBeLessThanOrEqual(Math.ceil(difficulty / 3));
      for (const [name, rule] of definitions.rules) {
        expect(rule.match(/#/g)?.length ?? 0).toBeLessThanOrEqual(3);
        const [a, b] = [..."ABCD EFGH IJKL MNOP".split(" ").entries()].flatMap(([level, entities]) => [
          ...(entities.includes(name[0]!) ? [level] : []),
          ...(entities.includes(name[2]!) ? [level] : []),
        ]);
        expect(b! - a!).toBe(1);
      }
    }
    const text = all.map((problem) => wordsOf(task, problem).tokens.join(" ")).join(" ");
    expect(text).toMatch(/:= \S+ - \S+ \./);
    expect(text).toMatch(/:= [2-6] \* \S+ \+ \S+/);
    expect(text).toMatch(/:= \d \./);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { difficultyAt } from "../../../src/tasks/curriculum.ts";
import type { TokenProblem, TokenTask } from "../../../src/tasks/task.ts";
import { answerOf, heldOutOneIn, problemsIn } from "../../../src/tasks/tokens/generator.ts";
import { formsOf, tokenTaskNamed, tokenTasks } from "../../../src/tasks/tokens/index.ts";
import { drawn, everyForm, namesOf, titleOf } from "./helpers.ts";

const names = [
  ...["words", "parity", "modular-sum", "prefix-sum", "addition", "p-hop", "pointers", "variables", "mano"],
  ...["depo", "brevo", "maze", "sudoku", "copy", "reverse", "igsm", "dyck"],
];

test("has the seventeen tasks, each form with a name of its own", () => {
  expect(tokenTasks.map(({ name }) => name)).toEqual(names);
  expect(new Set(everyForm.map(titleOf)).size).toBe(everyForm.length);
  expect(formsOf("words").map(({ variant }) => variant)).toEqual(["S3", "A5", "S5", "Z60"]);
});

/** The longest and slowest problems are left to the tests of their families. */
const reachOf = ({ difficulty: { least, most } }: TokenTask) => ({ least, most: Math.min(most, least + 12) });
const seeds = fc.integer({ min: 0, max: 2 ** 40 });

describe.each(everyForm.map((task) => [titleOf(task), task] as const))("%s", (_, task) => {
  const { least, most } = reachOf(task);
  const difficulties = fc.integer({ min: least, max: most });

  test("draws problems of the difficulty that is asked for, within length and vocabulary", () => {
    fc.assert(
      fc.property(seeds, difficulties, fc.boolean(), (seed, difficulty, isHeldOut) => {
        for (const problem of drawn(task, { seed, difficulty, isHeldOut, batch: 2 })) {
          expect(problem.difficulty).toBe(difficulty);
          expect(problem.tokens.length).toBeLessThanOrEqual(task.maxLength(difficulty));
          expect(problem.targets.length).toBe(problem.tokens.length);
          expect(answerOf(problem).length).toBeGreaterThan(0);
          for (const token of [...Array.from(problem.tokens), ...answerOf(problem)])
            expect(token > 0 && token < task.vocabulary.length).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("keeps to a range of difficulties, and reaches more than one of them", () => {
    const found = drawn(task, { batch: 64, difficulty: { from: least, to: most } });
    for (const { difficulty } of found) expect(difficulty >= least && difficulty <= most).toBe(true);
    expect(new Set(found.map(({ difficulty }) => difficulty)).size).toBeGreaterThan(1);
  });

  test("draws the same again, whatever the batch, and other problems for other seeds and streams", () => {
    const options = { seed: 7, stream: "a", batch: 6 };
    const whole = task.draw(options);
    expect(task.draw(options)).toEqual(whole);
    const rows = (first: number, batch: number) => problemsIn(task.draw({ ...options, first, batch }));
    expect([...rows(0, 2), ...rows(2, 4)]).toEqual(problemsIn(whole));
    expect(task.draw({ ...options, seed: 8 }).tokens).not.toEqual(whole.tokens);
    expect(task.draw({ ...options, stream: "b" }).tokens).not.toEqual(whole.tokens);
  });

  test("fills rows to the length that is asked for, with nothing scored", () => {
    const longest = task.maxLength(task.difficulty.usual.to);
    const plain = task.draw({ seed: 1, stream: "a", batch: 3 });
    const longer = task.draw({ seed: 1, stream: "a", batch: 3, length: longest + 5 });
    expect([plain.length, longer.length]).toEqual([longest, longest + 5]);
    expect(longer.tokens.length).toBe(3 * (longest + 5));
    for (const row of [0, 1, 2]) {
      const end = (row + 1) * longer.length;
      expect([...longer.tokens.slice(end - 5, end)]).toEqual([0, 0, 0, 0, 0]);
      expect([...longer.targets.slice(end - 5, end)]).toEqual([-1, -1, -1, -1, -1]);
    }
    expect(problemsIn(longer)).toEqual(problemsIn(plain));
  });

  test("accepts its own answer, and no other where there is one; rejects what is too short or too long", () => {
    for (const problem of drawn(task)) {
      const answer = answerOf(problem);
      expect(task.grade(problem, answer)).toBe(true);
      expect(task.grade(problem, answer.slice(1))).toBe(false);
      expect(task.grade(problem, [...answer, answer[0]!])).toBe(false);
      if (!task.hasOneAnswer) continue;
      for (const at of answer.keys()) expect(task.grade(problem, changed(answer, at))).toBe(false);
    }
  });

  test("reads or writes its answer as it says", () => {
    if (task.answer === "read") return;
    for (const { tokens, targets } of drawn(task))
      for (let at = 0; at + 1 < tokens.length; at++)
        if (targets[at]! >= 0) expect(tokens[at + 1]).toBe(targets[at]);
  });

  test("has no held-out problem in training, whatever the seed", () => {
    // The easiest problems of which some are held out: there are fewest of them, so a leak would show.
    const difficulty = Array.from({ length: most - least + 1 }, (_, at) => least + at).find(
      (one) => !task.isShared(one),
    )!;
    const heldOut = new Set(drawn(task, { batch: 200, difficulty, isHeldOut: true }).map(keyOf(task)));
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const problem of drawn(task, { seed, batch: 40, difficulty }))
          expect(heldOut.has(keyOf(task)(problem))).toBe(false);
      }),
      { numRuns: 10 },
    );
  });
});

/** What is asked: without synonyms, and without an answer that could have been another. */
const keyOf = (task: TokenTask) => (problem: TokenProblem) => {
  const names = namesOf(task, problem.tokens).map((name) => name.replace("'", ""));
  return names
    .slice(0, task.hasOneAnswer || task.answer === "read" ? undefined : names.indexOf("="))
    .join(" ");
};

function changed(answer: readonly number[], at: number): number[] {
  return answer.map((token, place) => (place === at ? 0 : token));
}

describe("held-out problems", () => {
  const words = tokenTaskNamed("words");
  const textsOf = (problems: readonly TokenProblem[]) =>
    problems.map(({ tokens }) => Array.from(tokens).join(""));

  test("are an eighth of all, and training has exactly the others: every word of four elements of S3", () => {
    const options = { batch: 12_000, difficulty: 4 };
    const training = new Set(textsOf(drawn(words, options)));
    const heldOut = new Set(textsOf(drawn(words, { ...options, isHeldOut: true })));
    expect(training.size + heldOut.size).toBe(6 ** 4);
    expect(new Set([...training, ...heldOut]).size).toBe(6 ** 4);
    expect(heldOut.size / 6 ** 4).toBeCloseTo(1 / heldOutOneIn, 1);
  });

  test("of too few to divide are shared: words of three elements are in training and held out alike", () => {
    expect([words.isShared(3), words.isShared(4)]).toEqual([true, false]);
    const options = { batch: 3000, difficulty: 3 };
    const both = [drawn(words, options), drawn(words, { ...options, isHeldOut: true })];
    for (const problems of both) expect(new Set(textsOf(problems)).size).toBe(6 ** 3);
    const mixed = drawn(words, { batch: 2000, difficulty: { from: 3, to: 4 }, isHeldOut: true });
    const short = mixed.filter(({ difficulty }) => difficulty === 3).length;
    expect(Math.abs(short - 1000)).toBeLessThan(100);
  });

  test("stay the ones that they are: a run's numbers are on these", () => {
    expect(textsOf(drawn(words, { batch: 3, difficulty: 8, isHeldOut: true }))).toMatchInlineSnapshot(`
      [
        "61536523",
        "36351634",
        "61465324",
      ]
    `);
  });
});

describe("refusals", () => {
  const words = tokenTaskNamed("words");
  const legal = { seed: 1, stream: "x", batch: 2 };
  test.each([
    [{ batch: 0 }, /TASK_DRAW: batch 0 of the task words\n {2}expected: a whole number of at least 1/],
    [{ first: -1 }, /TASK_DRAW: first -1/],
    [{ difficulty: 0 }, /TASK_DRAW: difficulty 0 .*\n {2}expected: from 1 to 512 elements/],
    [{ difficulty: 2.5 }, /TASK_DRAW: difficulty 2.5/],
    [{ difficulty: { from: 5, to: 4 } }, /TASK_DRAW: difficulty 5\.\.4/],
    [{ difficulty: { from: 5, to: 513 } }, /TASK_DRAW: difficulty 5\.\.513/],
    [{ length: 23 }, /TASK_DRAW: length 23 .*\n {2}expected: at least 24 tokens, for 24 elements/],
  ])("of a draw with %j", (wrong, message) => {
    expect(() => words.draw({ ...legal, ...wrong })).toThrow(message);
  });
  test("of names and forms", () => {
    expect(() => tokenTaskNamed("chess")).toThrow(
      /TASK_NAME: the task "chess"\n {2}expected: "words", "parity"/,
    );
    expect(() => tokenTaskNamed("words", "S4")).toThrow(
      /TASK_VARIANT: words in the form "S4"\n {2}expected: "S3", "A5", "S5" or "Z60"/,
    );
    expect(() => tokenTaskNamed("mano", "23")).toThrow(
      /TASK_VARIANT: .*\n {2}expected: mano as it is; it has one/,
    );
  });
});

test("a curriculum goes from the task's usual easiest to what its schedule says", () => {
  const hardest = { from: 4, to: 24, by: 10, every: 100 };
  const at = (name: string, step: number) => difficultyAt(tokenTaskNamed(name), hardest, step);
  expect([0, 99, 100, 900].map((step) => at("copy", step))).toEqual([
    { from: 1, to: 4 },
    { from: 1, to: 4 },
    { from: 1, to: 14 },
    { from: 1, to: 24 },
  ]);
  expect([0, 100, 200].map((step) => at("words", step))).toEqual([
    { from: 4, to: 4 },
    { from: 14, to: 14 },
    { from: 24, to: 24 },
  ]);
});

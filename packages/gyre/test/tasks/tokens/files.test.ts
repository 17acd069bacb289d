import { describe, expect, test } from "vitest";
import type { TokenProblem } from "../../../src/tasks/task.ts";
import { answerOf } from "../../../src/tasks/tokens/generator.ts";
import { heldOutProblems, scoreAnswers } from "../../../src/tasks/tokens/grading.ts";
import { tokenTaskNamed } from "../../../src/tasks/tokens/index.ts";
import { problemLines, readAnswers, readProblems } from "../../../src/tasks/tokens/jsonl.ts";
import { problemText } from "../../../src/tasks/tokens/show.ts";
import { byHand, drawn, everyForm, titleOf } from "./helpers.ts";

const words = tokenTaskNamed("words");
const copy = tokenTaskNamed("copy");

describe("problems to measure on", () => {
  test("have the difficulties in turn, and are the same for every count", () => {
    const options = { seed: 3, difficulties: [2, 5, 9] };
    const many = heldOutProblems(copy, { ...options, count: 7 });
    expect(many.map(({ difficulty }) => difficulty)).toEqual([2, 5, 9, 2, 5, 9, 2]);
    expect(heldOutProblems(copy, { ...options, count: 3 })).toEqual(many.slice(0, 3));
    expect(heldOutProblems(copy, { seed: 3, count: 12 }).map(({ difficulty }) => difficulty)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2,
    ]);
  });

  test("are none that training draws", () => {
    const texts = heldOutProblems(copy, { seed: 1, count: 300, difficulties: [4] }).map(({ tokens }) =>
      tokens.toString(),
    );
    const trained = new Set(
      drawn(copy, { batch: 3000, difficulty: 4 }).map(({ tokens }) => tokens.toString()),
    );
    expect(texts.filter((text) => trained.has(text))).toEqual([]);
  });
});

describe("scores", () => {
  test("count right answers by difficulty", () => {
    const problems = [
      byHand(copy, "a | a", "a .", 1),
      { ...byHand(copy, "a b | a b", "a b .", 2), difficulty: 2 },
    ];
    const [first, second] = problems.map(answerOf) as [number[], number[]];
    expect(
      scoreAnswers(copy, [...problems, problems[1]!], [first, second, [second[0]!, first[0]!, second[2]!]]),
    ).toEqual([
      { difficulty: 1, problems: 1, right: 1, tokens: 2, rightTokens: 2 },
      { difficulty: 2, problems: 2, right: 1, tokens: 6, rightTokens: 5 },
    ]);
    expect(scoreAnswers(copy, problems, [first]).map(({ right }) => right)).toEqual([1, 0]);
  });

  test("of prefixes go by position", () => {
    const problems = drawn(words, { batch: 4, difficulty: 3 });
    const answers = problems.map((problem, row) =>
      answerOf(problem).map((token, at) => (row < at ? 0 : token)),
    );
    expect(
      scoreAnswers(words, problems, answers).map(({ difficulty, problems: all, right }) => [
        difficulty,
        all,
        right,
      ]),
    ).toEqual([
      [1, 4, 4],
      [2, 4, 3],
      [3, 4, 2],
    ]);
  });

  test("of tasks with several right answers leave tokens out", () => {
    const brevo = tokenTaskNamed("brevo");
    const problems = drawn(brevo, { batch: 5, difficulty: 5 });
    expect(scoreAnswers(brevo, problems, problems.map(answerOf))).toEqual([
      { difficulty: 5, problems: 5, right: 5 },
    ]);
  });
});

describe("lines of JSON", () => {
  test.each(everyForm.map((task) => [titleOf(task), task] as const))(
    "of %s come back as they were",
    (_, task) => {
      const problems = heldOutProblems(task, { seed: 1, count: 4 });
      const text = problemLines(task, problems);
      const back = readProblems(task, text, "p.jsonl");
      expect(back.map(({ difficulty }) => difficulty)).toEqual(problems.map(({ difficulty }) => difficulty));
      expect(problemLines(task, back)).toBe(text);
      expect(text.trimEnd().split("\n").length).toBe(4);
      const lines = back.map((problem) => `${JSON.stringify({ answer: answerOf(problem) })}\n`).join("\n");
      const answers = readAnswers(task, back, { text: lines, path: "a.jsonl" });
      for (const { problems: all, right } of scoreAnswers(task, back, answers)) expect(right).toBe(all);
    },
  );

  test("say how hard each scored position is where every prefix is a problem, else how hard the problem is", () => {
    const difficultyIn = (task: typeof words, problem: TokenProblem) =>
      JSON.parse(problemLines(task, [problem])).difficulty;
    expect(difficultyIn(words, drawn(words, { batch: 1, difficulty: 3 })[0]!)).toEqual([1, 2, 3]);
    expect(difficultyIn(copy, drawn(copy, { batch: 1, difficulty: 3 })[0]!)).toEqual([3]);
  });

  test("with a number for a difficulty, as earlier versions wrote it, are read as well", () => {
    const [problem] = readProblems(
      words,
      `${line({ tokens: [1, 2], targets: [1, 2], difficulty: 2 })}\n`,
      "p",
    );
    expect(problem).toEqual({ tokens: [1, 2], targets: [1, 2], difficulty: 2 });
  });

  const line = (value: object) => JSON.stringify(value);
  const good = line({ tokens: [1, 2], targets: [1, 2], difficulty: 2 });
  test.each([
    ["{", /TASK_LINE: p\.jsonl, line 2, line: is no JSON/],
    [line({ tokens: [1], difficulty: 1 }), /p\.jsonl, line 2, targets: is missing; it must be a list/],
    [line({ tokens: [1], targets: [1], difficulty: 1, more: 2 }), /line 2, line: unknown field "more"/],
    [line({ tokens: [], targets: [], difficulty: 1 }), /line 2, tokens: must be a list that is not empty/],
    [
      line({ tokens: [1, 7], targets: [1, 1], difficulty: 2 }),
      /tokens\.1: must be a token of words, from 1 to 6, not 7/,
    ],
    [line({ tokens: [1, 0], targets: [1, 1], difficulty: 2 }), /tokens\.1: must be a token of words/],
    [line({ tokens: [1, 1], targets: [1, 9], difficulty: 2 }), /targets\.1: must be a token .* not 9, or -1/],
    [
      line({ tokens: [1, 1], targets: [1, -2], difficulty: 2 }),
      /targets\.1: must be a number of at least -1, not -2/,
    ],
    [
      line({ tokens: [1, 1], targets: [1], difficulty: 2 }),
      /targets: must have 2 entries as tokens has, not 1/,
    ],
    [line({ tokens: [1], targets: [-1], difficulty: 1 }), /targets: must score at least one position/],
    [line({ tokens: [1], targets: [1], difficulty: "1" }), /difficulty: must be a list, not "1"/],
    [line({ tokens: [1], targets: [1], difficulty: [] }), /difficulty: must be a list that is not empty/],
    [line({ tokens: [1], targets: [1], difficulty: [1, 600] }), /difficulty: must be from 1 to 512, not 600/],
    [line({ tokens: [1], targets: [1], difficulty: 0 }), /difficulty: must be from 1 to 512, not 0/],
    [
      line({ tokens: [1, 1], targets: [1, 1], difficulty: 1 }),
      /tokens: must have at most 1 entry at this difficulty, not 2/,
    ],
    ["[]", /line 2, line: must be an object, not an empty list/],
  ])("refuse the problem %s", (bad, message) => {
    expect(() => readProblems(words, `${good}\n${bad}\n`, "p.jsonl")).toThrow(message);
  });

  const problems = readProblems(words, `${good}\n`, "p.jsonl");
  test.each([
    [line({ answers: [1, 2] }), /TASK_LINE: a\.jsonl, line 1, answer: is missing/],
    [line({ answer: [1] }), /line 1, answer: must have 2 tokens, one for each scored position, not 1/],
    [line({ answer: [1, 8] }), /line 1, answer\.1: must be a token of words, from 1 to 6, not 8/],
    [line({ answer: [1, 1.5] }), /line 1, answer\.1: must be a whole number/],
    [`${line({ answer: [1, 2] })}\n${line({ answer: [1, 2] })}`, /line 2, answer: answers problem 2 of 1/],
  ])("refuse the answer %s", (text, message) => {
    expect(() => readAnswers(words, problems, { text, path: "a.jsonl" })).toThrow(message);
  });

  test("let a written answer be short or long: it is wrong, not malformed", () => {
    const [problem] = drawn(copy, { batch: 1, difficulty: 3 });
    const text = line({ answer: [1] });
    const answers = readAnswers(copy, [problem!], { text, path: "a.jsonl" });
    expect(scoreAnswers(copy, [problem!], answers)[0]?.right).toBe(0);
  });
});

describe("problems for people", () => {
  test("put what is predicted under what is read", () => {
    const problem = byHand(words, "213 132", "213 312", 0);
    expect(problemText(words, problem)).toBe("  213 132\n> 213 312");
    expect(problemText(copy, byHand(copy, "a b | a b", "a b .", 2))).toBe("  a b | a b\n>     a b .");
  });

  test("put grids in rows, and long texts on several lines", () => {
    const sudoku = tokenTaskNamed("sudoku");
    const [problem] = heldOutProblems(sudoku, { seed: 1, count: 1, difficulties: [1] });
    const lines = problemText(sudoku, problem!).split("\n");
    expect(lines.filter((one) => one.startsWith("  ")).map((one) => one.trim().length)).toEqual([
      7, 7, 7, 7, 1, 7, 7, 7, 7,
    ]);
    expect(lines.filter((one) => one.startsWith("> ")).length).toBe(1);
    const long = problemText(
      tokenTaskNamed("addition"),
      drawn(tokenTaskNamed("addition"), { difficulty: 32 })[0]!,
    );
    expect(Math.max(...long.split("\n").map((one) => one.length))).toBeLessThanOrEqual(98);
  });
});

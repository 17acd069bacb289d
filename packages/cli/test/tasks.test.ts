import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { answerOf, readProblems, tokenTaskNamed, tokenTasks } from "gyre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProgram } from "../src/program.ts";
import { gyre } from "./cli.ts";
import { temporaryFolder } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());
const at = (name: string) => join(folder.path, name);

test("tasks list has every task, with its forms", async () => {
  const { code, stdout, stderr } = await gyre(["tasks", "list"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const { name } of tokenTasks) expect(stdout).toMatch(new RegExp(`^${name} +\\S`, "m"));
  expect(stdout).toMatch(/^words +S3 A5 S5 Z60 +1\.\.512 elements +24 +24 /m);
  expect(stdout).toMatch(/^sparse-linear +\S/m);
});

test("every option of its commands is described", () => {
  const tasks = createProgram(() => undefined).commands.find((command) => command.name() === "tasks");
  expect(tasks?.commands.map((command) => command.name())).toEqual([
    "list",
    "show",
    "write",
    "grade",
    "prepare",
  ]);
  for (const { options } of tasks?.commands ?? [])
    for (const option of options) expect(option.description.length, option.flags).toBeGreaterThan(8);
});

test("tasks show prints what is read and what is predicted under it, and the vocabulary", async () => {
  const shown = await gyre(["tasks", "show", "words", "--group", "S5", "--difficulty", "3", "--count", "2"]);
  expect(shown.code).toBe(0);
  expect(shown.stdout.match(/^3 elements:\n {2}\d{5} \d{5} \d{5}\n> \d{5} \d{5} \d{5}$/gm)?.length).toBe(2);
  const names = await gyre(["tasks", "show", "parity", "--vocabulary"]);
  expect(JSON.parse(names.stdout)).toEqual(["_", "0", "1", "="]);
});

test("tasks write and grade: right answers are right, by difficulty, from the file and from the seed", async () => {
  const [file, answers] = [at("addition.jsonl"), at("answers.jsonl")];
  const choice = ["--seed", "3", "--difficulty", "2,4"];
  const written = await gyre(["tasks", "write", "addition", file, "--count", "10", ...choice]);
  expect(written.stdout).toMatch(/10 problems of addition, 2 to 4 numbers to add, at most \d+ tokens of 14/);
  expect([written.code, written.stderr]).toEqual([0, ""]);
  const task = tokenTaskNamed("addition");
  const problems = readProblems(task, await readFile(file, "utf8"), file);
  expect(problems.map(({ difficulty }) => difficulty)).toEqual([2, 4, 2, 4, 2, 4, 2, 4, 2, 4]);
  // The answer to problem 1, of 4 numbers, has a wrong first token.
  const lines = problems.map((problem, row) => {
    const answer = answerOf(problem);
    return JSON.stringify({
      answer: row === 1 ? [((answer[0] as number) % 10) + 1, ...answer.slice(1)] : answer,
    });
  });
  await writeFile(answers, lines.join("\n"));
  for (const source of [["--problems", file], choice]) {
    const { code, stdout } = await gyre(["tasks", "grade", "addition", answers, ...source]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2 +5 +1\.000 +1\.000$/m);
    expect(stdout).toMatch(/^4 +5 +0\.800 +0\.\d+$/m);
    expect(stdout).toMatch(/^all +10 +0\.900 /m);
  }
  const json = await gyre(["tasks", "grade", "addition", answers, "--problems", file, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    task: "addition",
    all: { problems: 10, right: 9 },
    difficulties: [
      { difficulty: 2, right: 5 },
      { difficulty: 4, right: 4 },
    ],
  });
}, 120_000);

test("tasks write says where training draws the same problems", async () => {
  const { code, stderr } = await gyre(["tasks", "write", "words", at("short.jsonl"), "--difficulty", "2..5"]);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/so few problems of difficulty 2, 3 that training/),
  ]);
});

describe("wrong usage and wrong files", () => {
  const usage: readonly [readonly string[], RegExp][] = [
    [["show", "parity", "--group", "S3"], /--group is for words; parity takes --variant/],
    [["show", "words", "--variant", "S3"], /words takes --group/],
    [["show", "words", "--difficulty", "5..4"], /It must go from the smaller number/],
    [["grade", "words", "a.jsonl", "--problems", "p.jsonl", "--seed", "1"], /--problems names the problems/],
  ];
  test.each(usage)("%j is refused", async (words, message) => {
    const { code, stderr } = await gyre(["tasks", ...words]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each<readonly [string, (path: string) => readonly string[], RegExp]>([
    ["a task that is none", () => ["show", "chess"], /TASK_NAME: the task "chess"/],
    ["a form that is none", () => ["show", "words", "--group", "S4"], /TASK_VARIANT: words in the form "S4"/],
    [
      "a difficulty out of range",
      () => ["show", "mano", "--difficulty", "17"],
      /TASK_DRAW: difficulty 17 .*mano/,
    ],
    ["a missing file", (path) => ["grade", "words", join(path, "none")], /TASK_FILE: .*ENOENT/],
    [
      "a folder that is missing",
      (path) => ["write", "words", join(path, "no", "p.jsonl")],
      /TASK_FILE: .*ENOENT/,
    ],
    [
      "a file that is there",
      (path) => ["write", "words", join(path, "bad.jsonl")],
      /TASK_FILE_EXISTS: .*bad\.jsonl/,
    ],
    [
      "no JSON",
      (path) => ["grade", "words", join(path, "bad.jsonl")],
      /TASK_LINE: .*bad\.jsonl, line 1, line: is no JSON/,
    ],
    [
      "a field that is missing",
      (path) => ["grade", "words", join(path, "field.jsonl")],
      /TASK_LINE: .*field\.jsonl, line 1, answer: is missing/,
    ],
    [
      "fewer answers than problems",
      (path) => ["grade", "words", join(path, "empty.jsonl")],
      /TASK_ANSWERS: .*empty\.jsonl: 0 answers to 0 problems/,
    ],
  ])("%s is explained", async (_, words, message) => {
    await writeFile(at("bad.jsonl"), "{\n");
    await writeFile(at("field.jsonl"), '{"answers": [1]}\n');
    await writeFile(at("empty.jsonl"), "\n");
    const { code, stderr } = await gyre(["tasks", ...words(folder.path)]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\n {2}expected: .+\n {2}fix: .+/);
    expect(code).toBe(1);
  });
});

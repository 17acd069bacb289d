import { describe, expect, test } from "vitest";
import { published } from "../../../src/measure/benchmarks/definition.ts";
import { fieldsOf } from "../../../src/measure/benchmarks/fields.ts";
import type { ChoiceQuestion, LastWordQuestion, Question } from "../../../src/measure/benchmarks/question.ts";
import { lines, type Published, records } from "./published.ts";

const read = (name: string, record: unknown): Question =>
  published(name, fieldsOf(JSON.stringify(record), "q.jsonl"), { name, path: "q.jsonl" })
    .questions[0] as Question;
const choices = (name: string, record: unknown) => read(name, record) as ChoiceQuestion;
const changed = (name: Published, change: object) => ({ ...records[name], ...change });

/** One context, several continuations. */
const after = (context: string, continuations: readonly string[]) =>
  continuations.map((continuation) => ({ context, continuation }));

describe("published formats", () => {
  test("copa: the premise without its mark, a connector, and two spaces", () => {
    expect(choices("copa", records.copa)).toMatchObject({
      requests: after("The lamp went out because", ["  the oil was spent.", "  the Sun rose."]),
      gold: 0,
    });
    expect(choices("copa", changed("copa", { question: "effect" })).requests[0]?.context).toBe(
      "The lamp went out therefore",
    );
  });

  test("hellaswag: titles become full stops, other brackets go, the second half is capitalized as Python does", () => {
    const question = choices("hellaswag", records.hellaswag);
    expect(question.requests[0]).toEqual({
      context: "Baking bread: Knead well. Step A baker waits. He then",
      continuation: " opens the oven.",
    });
    expect(question.choices).toEqual(["opens the oven.", "sings. Loudly.", "leaves it.", "eats."]);
    expect(question.gold).toBe(2);
  });

  test("lambada: the last word after all others", () => {
    const { request } = read("lambada_openai", records.lambada_openai) as LastWordQuestion;
    expect(request).toEqual({ context: "she called for her", continuation: " dog" });
  });

  test("openbookqa and arc: answerKey is looked up among the labels, which may be numbers", () => {
    expect(choices("openbookqa", records.openbookqa)).toMatchObject({
      requests: after("Ice is", [" warm", " frozen water"]),
      gold: 1,
    });
    expect(choices("arc_easy", records.arc_easy)).toMatchObject({
      requests: after("Question: What falls?\nAnswer:", [" rain", " light", " time"]),
      gold: 1,
    });
    expect(choices("arc_challenge", records.arc_easy)).toEqual(choices("arc_easy", records.arc_easy));
  });

  test("piqa", () => {
    expect(choices("piqa", records.piqa)).toMatchObject({
      requests: after("Question: Cut paper\nAnswer:", [" use scissors", " use water"]),
      gold: 0,
    });
  });

  test("race: problems are the text of a Python list; earlier ones are answered", () => {
    const question = choices("race", records.race);
    expect(question.requests[0]?.context).toBe(
      "Article: Tom's cat sat.\n\nQuestion: Who sat?\nAnswer: The cat\nIt was Tom's\nWhere did it sit?",
    );
    expect(question.choices).toEqual(["mat", 'the "hat"', "sea", "sky"]);
    expect(question.gold).toBe(3);
  });

  test("race: problems may be a list", () => {
    const problems = [{ question: "Q?", options: ["a", "b"], answer: "B" }];
    expect(choices("race", { article: "A.", problems })).toMatchObject({
      requests: after("Article: A.\n\nQ?", [" a", " b"]),
      gold: 1,
    });
  });

  test("sciq: the right answer is the last", () => {
    expect(choices("sciq", records.sciq)).toMatchObject({
      requests: after("Plants breathe.\nQuestion: What do plants do?\nAnswer:", [
        ...[" sleep", " walk", " bark", " breathe"],
      ]),
      gold: 3,
    });
  });

  test("social_iqa: labels count from 1", () => {
    expect(choices("social_iqa", records.social_iqa)).toMatchObject({
      requests: after("Q: Kai left. Why did Kai leave?\nA:", [" to rest", " to stay", " to sing"]),
      gold: 1,
    });
  });

  test("winogrande: a context for each option, one continuation", () => {
    expect(choices("winogrande", records.winogrande)).toMatchObject({
      requests: [
        { context: "The cup missed the shelf as the cup", continuation: " was low." },
        { context: "The cup missed the shelf as the shelf", continuation: " was low." },
      ],
      choices: ["cup", "shelf"].map((one) => `the ${one}`),
      gold: 1,
    });
  });
});

describe("a line that is wrong", () => {
  const names = Object.keys(records) as Published[];
  const field = (name: Published) => Object.keys(records[name]);

  test.each(names.flatMap((name) => field(name).map((one) => [name, one] as const)))(
    "%s without %s names file, line and field",
    (name, missing) => {
      const good = JSON.stringify(records[name]);
      const bad = JSON.stringify({ ...records[name], [missing]: undefined });
      const all = fieldsOf(`${good}\n\n${bad}\n`, "q.jsonl");
      expect(() => published(name, all, { name, path: "q.jsonl" })).toThrow(
        new RegExp(`^BENCHMARK_FIELD: q\\.jsonl:3: ${missing}(\\.\\w+)? is missing`),
      );
    },
  );

  test.each([
    [
      "a gold answer out of range",
      "piqa",
      { label: 2 },
      'BENCHMARK_GOLD: q.jsonl:1: the gold answer "2", with 2',
    ],
    ["no gold answer", "hellaswag", { label: "" }, "BENCHMARK_GOLD"],
    ["a test split's gold answer", "copa", { label: -1 }, 'BENCHMARK_GOLD: q.jsonl:1: the gold answer "-1"'],
    [
      "a gold label that no choice has",
      "arc_easy",
      { answerKey: "D" },
      'BENCHMARK_GOLD: q.jsonl:1: the gold answer "D"',
    ],
    [
      "equal choices",
      "piqa",
      { sol2: "use scissors" },
      'BENCHMARK_CHOICES: q.jsonl:1: the choice "use scissors" twice',
    ],
    ["equal options", "winogrande", { option2: "the cup" }, "BENCHMARK_CHOICES"],
    ["an empty choice", "sciq", { distractor2: " " }, "BENCHMARK_EMPTY: q.jsonl:1"],
    ["a gap at the end", "winogrande", { sentence: "This is the _ " }, "BENCHMARK_EMPTY: q.jsonl:1"],
    ["no gap", "winogrande", { sentence: "This is it." }, "BENCHMARK_FIELD: q.jsonl:1: sentence has no gap"],
    ["a last word of nothing", "lambada_openai", { text: "a text " }, "BENCHMARK_EMPTY: q.jsonl:1"],
    [
      "another connector",
      "copa",
      { question: "reason" },
      'BENCHMARK_FIELD: q.jsonl:1: question must be "cause" or "effect"',
    ],
    [
      "a list that is none",
      "hellaswag",
      { endings: "eats" },
      "BENCHMARK_FIELD: q.jsonl:1: endings must be a list",
    ],
    [
      "fewer labels than choices",
      "openbookqa",
      { choices: { text: ["a", "b"], label: ["A"] } },
      "BENCHMARK_FIELD: q.jsonl:1: choices.label has 1",
    ],
    [
      "a broken Python list",
      "race",
      { problems: "[{'question': " },
      "BENCHMARK_FIELD: q.jsonl:1: problems cannot be read",
    ],
    [
      "no problem",
      "race",
      { problems: "[]" },
      "BENCHMARK_FIELD: q.jsonl:1: problems must be a list that is not empty",
    ],
  ] as [string, Published, object, string][])("%s", (_, name, change, message) => {
    expect(() => read(name, changed(name, change))).toThrow(message);
  });

  test("no JSON, or no object", () => {
    expect(() => fieldsOf('{"a": 1}\n{"a": ', "q.jsonl")).toThrow(
      "BENCHMARK_FIELD: q.jsonl:2: the line is no JSON",
    );
    expect(() => fieldsOf("[1]", "q.jsonl")).toThrow(
      "q.jsonl:1: the line must be an object, not a list of 1",
    );
  });

  test("no line at all", () => {
    expect(() => published("piqa", [], { name: "piqa", path: "q.jsonl" })).toThrow(
      "BENCHMARK_FILE: q.jsonl: no question",
    );
  });
});

test("the files of all formats are read", () => {
  for (const name of Object.keys(records) as Published[]) {
    const { questions } = published(name, fieldsOf(lines(name), "q.jsonl"), { name, path: "q.jsonl" });
    expect(questions).toHaveLength(1);
  }
});

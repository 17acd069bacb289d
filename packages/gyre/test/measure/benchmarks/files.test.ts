import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readBenchmarks } from "../../../src/measure/benchmarks/files.node.ts";
import { lines, type Published, records } from "./published.ts";

let folder: string;
const at = (name: string) => join(folder, name);
const put = (name: string, content: string) => writeFile(at(name), content);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-benchmarks-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const question = '{"ask": "Is ice cold?", "right": "yes", "wrong": "no", "at": "A", "list": ["yes", "no"]}\n';
const yaml = `name: cold
kind: choices
file: questions.jsonl
context: "Q: {{ask}}\\nA:"
choices: ["{{ right }}", "{{wrong}}"]
labels: [A, B]
gold: "{{at}}"
`;

describe("a task file", () => {
  test("in YAML: templates are filled from each line", async () => {
    await put("questions.jsonl", question);
    await put("mine.yaml", yaml);
    expect(await readBenchmarks([at("mine.yaml")])).toEqual([
      {
        name: "cold",
        kind: "choices",
        path: at("questions.jsonl"),
        metrics: ["acc", "acc_norm"],
        questions: [
          {
            kind: "choices",
            place: { path: at("questions.jsonl"), line: 1 },
            choices: ["yes", "no"],
            requests: [
              { context: "Q: Is ice cold?\nA:", continuation: " yes" },
              { context: "Q: Is ice cold?\nA:", continuation: " no" },
            ],
            gold: 0,
          },
        ],
      },
    ]);
  });

  test("in JSON, of every other kind, or of a published format", async () => {
    await put("questions.jsonl", question);
    const written = {
      "word.json": { kind: "last-word", context: "{{ask}}", word: "{{right}}", delimiter: "  " },
      "text.json": { kind: "rolling", text: "{{ask}}" },
      "write.json": { kind: "generation", context: "{{ask}}", answers: "{{list}}", ignoreCase: true },
    };
    for (const [name, value] of Object.entries(written))
      await put(name, JSON.stringify({ ...value, file: "questions.jsonl" }));
    await put("own-piqa.jsonl", lines("piqa"));
    await put("own.json", '{"format": "piqa", "file": "own-piqa.jsonl"}');
    const all = await readBenchmarks([...Object.keys(written), "own.json"].map(at));
    expect(all.map(({ name, kind }) => [name, kind])).toEqual([
      ["word", "last-word"],
      ["text", "rolling"],
      ["write", "generation"],
      ["own", "choices"],
    ]);
    expect(all[0]?.questions[0]).toMatchObject({
      request: { context: "Is ice cold?", continuation: "  yes" },
    });
    expect(all[1]?.questions[0]).toMatchObject({ text: "Is ice cold?" });
    expect(all[2]?.questions[0]).toMatchObject({ answers: ["yes", "no"] });
    expect(all[2]?.writing).toMatchObject({ stop: ["\n"], maxTokens: 32, ignoreCase: true });
  });

  test.each([
    ["a missing field", yaml.replace(/context.*\n/, ""), "BENCHMARK_FIELD: PATH:1: context is missing"],
    ["an unknown field", `${yaml}shots: 5\n`, 'PATH:1: the task file unknown field "shots"'],
    ["an unknown kind", yaml.replace("choices\n", "essay\n"), "PATH:2: kind must be"],
    ["a field of the wrong type", yaml.replace('"{{at}}"', "[1]"), "PATH:7: gold must be a string"],
    ["a metric of another kind", `${yaml}metrics: [acc, perplexity]\n`, "PATH:8: metrics.1 must be"],
    ["an expression", yaml.replace("{{at}}", "{{at|int}}"), "PATH:7: gold holds {{at|int}}"],
    ["an open brace", yaml.replace("{{ask}}", "{{ask"), "PATH:4: context has braces"],
    ["broken YAML", `${yaml}"`, "BENCHMARK_FILE: PATH:8"],
    ["a format that is unknown", "format: mmlu\nfile: questions.jsonl\n", "PATH:1: format must be"],
    ["no object", "- 1\n", "BENCHMARK_FIELD: PATH:1"],
  ])("%s names file, line and field", async (_, text, message) => {
    await put("questions.jsonl", question);
    await put("mine.yaml", text);
    const wanted = message.replace("PATH", at("mine.yaml"));
    await expect(readBenchmarks([at("mine.yaml")])).rejects.toThrow(wanted);
  });

  test("a field that a line of questions lacks names that line", async () => {
    await put("questions.jsonl", `${question}{"ask": "?"}\n`);
    await put("mine.yaml", yaml);
    await expect(readBenchmarks([at("mine.yaml")])).rejects.toThrow(
      `BENCHMARK_FIELD: ${at("questions.jsonl")}:2: right is missing`,
    );
  });
});

describe("a folder", () => {
  test("holds files named after their benchmark, and task files with their questions", async () => {
    for (const name of Object.keys(records) as Published[]) await put(`${name}.jsonl`, lines(name));
    await put("arc_challenge.jsonl", lines("arc_easy"));
    await put("questions.jsonl", question);
    await put("mine.yaml", yaml);
    await put("README.md", "mine");
    const names = (await readBenchmarks([folder])).map(({ name }) => name);
    expect(names).toEqual(["cold", ...[...Object.keys(records), "arc_challenge"].sort()]);
  });

  test("refuses questions that no task file reads, and what is no folder of tasks", async () => {
    await put("mmlu.jsonl", question);
    await expect(readBenchmarks([folder])).rejects.toThrow(`BENCHMARK_NAME: ${at("mmlu.jsonl")}`);
    await mkdir(at("empty"));
    await expect(readBenchmarks([at("empty")])).rejects.toThrow("BENCHMARK_FILE");
    await expect(readBenchmarks([at("none")])).rejects.toThrow("BENCHMARK_FILE");
    await put("piqa.csv", "");
    await expect(readBenchmarks([at("piqa.csv")])).rejects.toThrow("no ending of .json .yaml .yml .jsonl");
  });

  test("refuses two benchmarks of one name, and bytes that are not UTF-8", async () => {
    await put("piqa.jsonl", lines("piqa"));
    await expect(readBenchmarks([folder, at("piqa.jsonl")])).rejects.toThrow(
      "BENCHMARK_NAME: two benchmarks named piqa",
    );
    await writeFile(at("piqa.jsonl"), Uint8Array.of(0xff));
    await expect(readBenchmarks([folder])).rejects.toThrow("not UTF-8");
  });
});

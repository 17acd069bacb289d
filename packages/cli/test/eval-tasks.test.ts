import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ReportOf, readReport } from "gyre";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gyre } from "./cli.ts";
import { gpt, temporaryFolder, tinyRun } from "./tiny.ts";

let folder: string;
let remove: () => Promise<void>;
const at = (...names: string[]) => join(folder, ...names);
const run = (...words: string[]) => gyre(["eval", ...words], { cwd: folder });

const read = async (...names: string[]): Promise<ReportOf<"benchmarks">> => {
  const report = readReport(JSON.parse(await readFile(at(...names), "utf8")));
  if (report.kind === "benchmarks") return report;
  throw new Error(report.kind);
};

const piqa = [
  { goal: "Go", sol1: "by bus", sol2: "by cup", label: 0 },
  { goal: "Eat", sol1: "sand", sol2: "soup", label: 1 },
];
const copa = [
  { premise: "It fell.", choice1: "I slid.", choice2: "I sat.", question: "cause", label: 0 },
  { premise: "It rang.", choice1: "I rose.", choice2: "I fly.", question: "effect", label: 1 },
];
const jsonl = (all: readonly object[]) => all.map((one) => `${JSON.stringify(one)}\n`).join("");

beforeAll(async () => {
  const temporary = await temporaryFolder();
  ({ path: folder, remove } = { path: temporary.path, remove: temporary.remove });
  await tinyRun(at("looped"));
  await tinyRun(at("gpt"), gpt);
  await writeFile(at("piqa.jsonl"), jsonl(piqa));
  await writeFile(at("copa.jsonl"), jsonl(copa));
  await writeFile(at("lines.jsonl"), jsonl([{ text: "We the people" }, { text: "hold truth dear" }]));
  await writeFile(
    at("text.yaml"),
    'kind: rolling\nfile: lines.jsonl\ntext: "{{text}}"\nmetrics: [bits_per_byte]\n',
  );
});
afterAll(() => remove());

describe("gyre eval --tasks", () => {
  it("prints a table of tasks by budgets with means, and writes JSON and Markdown", async () => {
    const tasks = ["--tasks", "piqa.jsonl", "--tasks", "copa.jsonl", "--tasks", "text.yaml"];
    const { code, stdout } = await run(
      "looped",
      ...tasks,
      "--loops",
      "1,4",
      "--out",
      "out",
      "--name",
      "tasks",
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ntask {2,}metric {2,}1 loop {2,}4 loops\n/);
    expect(stdout).toMatch(/\nmean of 2 {2}acc {2,}\d\.\d{4} ± \d\.\d{4}/);
    const report = await read("out", "tasks.json");
    const [model] = report.models;
    expect(model?.points.map(({ loops }) => loops)).toEqual([1, 4]);
    expect(model?.points[0]?.entries.map(({ benchmark, metric }) => [benchmark, metric])).toEqual([
      ["piqa", "acc"],
      ["piqa", "acc_norm"],
      ["copa", "acc"],
      ["text", "bits_per_byte"],
    ]);
    const bits = model?.points.map(({ entries }) => entries[3]?.value);
    expect(bits?.[0]).not.toBe(bits?.[1]);
    for (const { entries, means } of model?.points ?? []) {
      const accuracies = entries.filter(({ metric }) => metric === "acc").map(({ value }) => value);
      expect(means).toMatchObject([
        { metric: "acc", value: (accuracies[0] as number) / 2 + (accuracies[1] as number) / 2 },
      ]);
    }
    const markdown = await readFile(at("out", "tasks.md"), "utf8");
    expect(markdown).toContain(
      "| task | metric | 1 loop | 4 loops |\n| --- | --- | ---: | ---: |\n| piqa | acc |",
    );
    expect(markdown).toContain("- piqa: 2 questions (choices) of piqa.jsonl");
    expect(markdown).toContain("2 contexts of piqa did not fit");
  });

  it("measures several runs, each at its own budgets, and keeps the report with the first", async () => {
    const { code, stdout } = await run("looped", "gpt", "--tasks", "copa.jsonl", "--limit", "1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nlooped\n[\s\S]*\n\ngpt\ntask {2,}metric {2,}1 loop\n/);
    const report = await read("looped", "reports", "latest.json");
    expect(report.models.map(({ points }) => points.length)).toEqual([4, 1]);
    expect(report.benchmarks).toMatchObject([
      { name: "copa", kind: "choices", file: "copa.jsonl", questions: 1 },
    ]);
    expect(stdout).toMatch(/looped\/reports\/benchmarks-looped-gpt-copa-1\.\.4loops-[0-9a-f]{6}\.md\n$/);
  });

  it("refuses a bad line before a model is run, and options that are about text", async () => {
    await writeFile(at("bad.jsonl"), jsonl([{ text: "x".repeat(3) }]));
    await writeFile(
      at("bad.yaml"),
      'kind: last-word\nfile: bad.jsonl\ncontext: "a"\nword: "{{text}} is much longer"\n',
    );
    const long = await run("looped", "--tasks", "bad.yaml", "--out", "none");
    expect(long.code).toBe(1);
    expect(long.stderr).toContain("bad.jsonl:1: an answer of 19 tokens for a model with a context of 16");
    expect(existsSync(at("none"))).toBe(false);
    expect((await run("looped", "--tasks", "piqa.jsonl", "--stride", "4")).stderr).toContain(
      "--stride is about validation text",
    );
    expect((await run("--tasks", "piqa.jsonl")).stderr).toContain("--tasks needs a run, or a --server");
    const server = ["--server", "http://127.0.0.1:9", "--tasks", "piqa.jsonl"];
    expect((await run("looped", ...server)).stderr).toContain("A run or a --server, not both");
    expect((await run(...server, "--loops", "1..L")).stderr).toContain("the full depth L is not known");
    expect((await run("--server", "http://127.0.0.1:9")).stderr).toContain(
      "--server and --model need --tasks",
    );
    expect((await run(...server)).stderr).toContain(
      "BENCHMARK_SERVER: the server http://127.0.0.1:9/v1/models: it cannot be reached",
    );
    expect((await run("looped", "--limit", "4")).stderr).toContain("--limit is about --tasks");
  });
});

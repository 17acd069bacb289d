import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const model = "--width 16 --heads 2 --mlp 32 --layers 1 --loops 3".split(" ");
const training = "--steps 40 --batch 8 --warmup-steps 4 --seed 5 --learning-rate 0.01".split(" ");
const curriculum = "--difficulty 2..4 --curriculum 0.5".split(" ");
const begin = (run: string) => [
  "train",
  "words",
  "--group",
  "S3",
  "--out",
  run,
  ...model,
  ...training,
  ...curriculum,
];
const configOf = async (run: string) => JSON.parse(await readFile(join(run, "config.json"), "utf8"));

async function finalState(run: string): Promise<Record<string, Buffer>> {
  const last = (await readFile(join(run, "latest"), "utf8")).trim();
  const names = ["model.safetensors", "optimizer.safetensors"];
  const read = async (name: string) => [name, await readFile(join(run, "checkpoints", last, name))] as const;
  return { step: Buffer.from(last), ...Object.fromEntries(await Promise.all(names.map(read))) };
}

test("a run on a task: trained, stopped and resumed bit for bit, listed and measured", async () => {
  const whole = join(folder.path, "whole");
  const done = await gyre([...begin(whole), "--checkpoint-every", "20", "--eval-every", "20"]);
  expect(done.stderr).toMatch(
    /words S3; loopformer, 1 layer x 3 loops, width 16; 40 steps of 8 problems, 2 to 4 el/,
  );
  expect(done.stderr).toMatch(/step 40\/40 .*held out \d+\.\d % right/);
  expect(done.code).toBe(0);
  expect(await configOf(whole)).toMatchObject({
    kind: "task",
    task: "words",
    variant: "S3",
    spec: { context: 4, vocab: 7 },
    training: { easiest: 2, hardest: { from: 2, to: 4 }, batch: 8 },
    threads: 1,
  });

  const stopped = join(folder.path, "stopped");
  const stop = await gyre(begin(stopped), { interruptAt: (_, stderr) => stderr.includes("step 1/40") });
  expect([stop.code, stop.stderr]).toEqual([130, expect.stringContaining(`gyre train --resume ${stopped}`)]);
  expect((await gyre(["train", "--resume", stopped])).code).toBe(0);
  expect(await finalState(stopped)).toEqual(await finalState(whole));

  const table = await gyre(["eval", whole, "--count", "50", "--loops", "1,3"]);
  expect([table.code, table.stdout]).toEqual([
    0,
    expect.stringMatching(/elements +1 loop +3 loops\n[- ]+\n1 +\d\.\d{3}/),
  ]);
  expect(table.stdout).toMatch(/\nmean +\d\.\d{3} +\d\.\d{3}\nsolved \(95 %\) +\S+ +\S+\n/);
  const measured = async (...more: string[]) => {
    const out = join(folder.path, `report${more.join("")}`);
    const words = ["eval", whole, "--count", "50", "--loops", "1,3", "--out", out, "--name", "all", ...more];
    expect((await gyre(words)).code).toBe(0);
    expect((await readdir(out)).sort()).toEqual(expect.arrayContaining(["all.json", "all.md", "all.svg"]));
    return JSON.parse(await readFile(join(out, "all.json"), "utf8"));
  };
  const report = await measured();
  expect(report).toMatchObject({
    kind: "answers",
    task: { name: "words", variant: "S3", scores: "prefixes" },
    provenance: { data: { split: "held-out" }, seeds: [1] },
    problems: 50,
    difficulties: [1, 2, 3, 4],
    solvedAt: 0.95,
  });
  const [{ points }] = report.models;
  expect(points.map(({ loops }: { loops: number }) => loops)).toEqual([1, 3]);
  const counts = points[1].scores.map((score: Record<string, number>) => [
    score["difficulty"],
    score["problems"],
  ]);
  expect(counts).toEqual([1, 2, 3, 4].map((difficulty) => [difficulty, 50]));
  expect((await measured("--seed", "2")).models).not.toEqual(report.models);

  const exits = await gyre(["exits", whole, "--count", "20", "--seed", "2"]);
  expect([exits.code, exits.stdout]).toEqual([
    0,
    expect.stringMatching(
      /rule +right +mean loops +easiest +hardest\n[- ]+\nfirst 1 of 3 +\d\.\d{3} +1\.00 +1\.00/,
    ),
  ]);
  expect(exits.stdout).toMatch(/answer-exits-whole-words-s3-20problems-[0-9a-f]{6}\.json/);

  expect((await gyre(["runs", folder.path])).stdout).toMatch(/whole +loopformer .* 40\/40 /);
  for (const [words, problem] of [
    [["generate", whole], /RUN_KIND.*kind task[\s\S]*gyre eval and gyre train are for this one/],
    [["train", "--resume", whole], /TRAIN_DONE/],
    [["train", "--resume", stopped, "--difficulty", "3"], /TRAIN_USAGE: .* with --difficulty/],
    [["train", "words", "--resume", stopped], /TRAIN_USAGE: .* with words/],
    [["eval", whole, "--stride", "4"], /--stride is not for runs on tasks/],
    [["eval", whole, "--max-tokens", "4"], /--max-tokens is not for runs on tasks/],
    [["exits", whole, "--cache-policy", "recompute"], /--cache-policy is for runs on text/],
    [["eval", whole, "--difficulty", "5"], /EVAL_OPTION: problems 5 tokens/],
  ] as const) {
    const refused = await gyre(words);
    expect([refused.code === 0, refused.stderr], words.join(" ")).toEqual([
      false,
      expect.stringMatching(problem),
    ]);
  }
}, 180_000);

test("a recipe names the task; flags win over it, and the model is what they say", async () => {
  const recipe = join(folder.path, "recipe.json");
  const model = { family: "algoformer", width: 16, heads: 2, mlp: 32, layers: 1, loops: 2 };
  const stored = {
    task: "copy",
    model,
    training: { steps: 2, batch: 4, easiest: 1, hardest: 3, initStd: 0.08 },
  };
  await writeFile(recipe, JSON.stringify(stored));
  const run = join(folder.path, "from-recipe");
  const made = await gyre([
    "train",
    "--recipe",
    recipe,
    "--out",
    run,
    "--readout",
    "untied",
    "--init-std",
    "0.1",
  ]);
  expect([made.code, made.stderr]).toEqual([0, expect.stringMatching(/2 loops, 1 before and 1 after them/)]);
  expect(await configOf(run)).toMatchObject({
    task: "copy",
    spec: {
      family: "algoformer",
      layers: { prelude: 1, core: 1, coda: 1 },
      inject: "add",
      start: "zeros",
      frame: "loop",
      readout: { kind: "tokens", tied: false },
    },
    training: { easiest: 1, hardest: 3, initStd: 0.1, batch: 4, objective: { kind: "final" } },
  });
  expect((await gyre(["eval", run, "--count", "20"])).code).toBe(0);
  const files = await readdir(join(run, "reports"));
  expect(files.filter((name) => name.endsWith(".md"))).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^answers-from-recipe-copy-1\.\.2loops-20problems-\w{6}\.md$/),
    ]),
  );
  const page = await readFile(join(run, "reports", "latest.md"), "utf8");
  expect(page).toContain("greedy decoding writes all of it");
  const injected = join(folder.path, "injected");
  const flags = "--family baseLoop --inject add --prelude 1 --coda 2 --steps 1".split(" ");
  const flagged = await gyre([
    "train",
    "mano",
    "--difficulty",
    "2",
    "--out",
    injected,
    ...flags,
    "--width",
    "12",
  ]);
  expect(flagged.code, flagged.stderr).toBe(0);
  const { spec } = await configOf(injected);
  expect(spec).toMatchObject({ inject: "add", start: "embedding", layers: { prelude: 1, core: 2, coda: 2 } });
}, 60_000);

describe("what cannot be", () => {
  test.each([
    [["words"], /TRAIN_USAGE: .*the task words, but no --out/],
    [["words", "--out", "x", "--variant", "S3"], /words takes --group, not --variant/],
    [["words", "--out", "x", "--group", "S9"], /TASK_VARIANT/],
    [["words", "--out", "x", "--difficulty", "9..2"], /like 24 or 2\.\.24/],
    [["words", "--out", "x", "--difficulty", "4", "--curriculum", "0.5"], /--curriculum needs a range/],
    [
      ["words", "--out", "x", "--context", "8"],
      /TRAIN_OPTIONS[\s\S]*rows of up to 24 tokens, where the model's context is 8/,
    ],
    [
      ["words", "--out", "x", "--difficulty", "1..600", "--context", "600"],
      /TRAIN_OPTIONS[\s\S]*from 1 to 512 elements/,
    ],
    [["parity", "--out", "x", "--inject", "multiply", "--family", "tmlt", "--heads", "5"], /SPEC_INVALID/],
  ])("gyre train %j", async (words, problem) => {
    const refused = await gyre(["train", ...words], { cwd: folder.path });
    expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringMatching(problem)]);
    expect(await readdir(folder.path)).not.toContain("x");
  });

  test("a folder wins over a task of its name, and knows no difficulty", async () => {
    const place = join(folder.path, "place");
    await mkdir(place);
    await tinyData(join(place, "words"));
    const refused = await gyre(["train", "words", "--out", "run", "--difficulty", "4"], { cwd: place });
    expect([refused.code === 0, refused.stderr]).toEqual([
      false,
      expect.stringMatching(
        /words is a folder here[\s\S]*--difficulty is for a task, and this trains on text/,
      ),
    ]);
  });
});

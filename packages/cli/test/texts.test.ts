import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const model = "--width 16 --heads 2 --mlp 32 --layers 1 --loops 2 --family algoformer".split(" ");
const training = "--steps 60 --batch 16 --warmup-steps 4 --learning-rate 0.02 --eval-every 30".split(" ");

test("labelled texts: prepared, learned from, gone on with, measured beside naive Bayes", {
  timeout: 120_000,
}, async () => {
  const at = (name: string) => join(folder.path, name);
  const rows = (from: number) =>
    Array.from({ length: 60 }, (_, row) =>
      row % 2 ? `good,"fine ${from + row}"` : `bad,"poor ${from + row}"`,
    );
  await mkdir(at("reviews"));
  await writeFile(at("reviews/train.csv"), `${rows(100).join("\n")}\ngood,\n`);
  await writeFile(at("reviews/test.csv"), `${rows(500).join("\n")}\n`);
  const prepare = ["tasks", "prepare", at("reviews"), at("texts"), "--tokenizer", "bytes", "--context", "12"];
  const made = await gyre(prepare);
  expect([made.code, made.stdout]).toEqual([
    0,
    expect.stringMatching(/training {2}60 texts \(30 bad, 30 good\); 0 cut\n {2}held out {2}60 texts/),
  ]);
  expect(made.stdout).toMatch(
    /skipped {3}1 empty text\n[\s\S]* 0\.500 {2}always bad\n +1\.000 {2}naive Bayes, whole/,
  );
  expect((await gyre(prepare)).stderr).toContain("exists already");

  const begin = ["train", at("texts"), "--out", at("run"), ...model, ...training];
  const stopped = await gyre([...begin, "--stop-at", "30"]);
  expect(stopped.stderr).toMatch(
    /classify reviews; algoformer, 1 layer x 2 loops, 1 before and 1 after them/,
  );
  expect(stopped.stderr).toMatch(/step 30: held out at 1, 2 loops: \d+\.\d {2}\d+\.\d % right/);
  const config = JSON.parse(await readFile(at("run/config.json"), "utf8"));
  expect(config).toMatchObject({
    kind: "task",
    task: "classify",
    variant: "reviews",
    data: { path: "../texts" },
    spec: { vocab: 259, context: 12 },
  });

  await rename(at("texts"), at("moved"));
  expect((await gyre(["train", "--resume", at("run")])).stderr).toContain("no labelled texts at");
  const gone = await gyre(["train", at("moved"), "--resume", at("run")]);
  expect([gone.code, gone.stderr]).toEqual([0, expect.stringMatching(/from step 30[\s\S]*done: 60 steps/)]);

  const report = ["eval", at("run"), "--data", at("moved"), "--out", at("report"), "--name", "all"];
  const measured = await gyre([...report, "--loops", "1,2"]);
  expect([measured.code, measured.stdout]).toEqual([0, expect.stringContaining("naive Bayes, whole texts")]);
  const { problems, models, baselines } = JSON.parse(await readFile(at("report/all.json"), "utf8"));
  expect(problems).toBe(60);
  expect(models[0].points[1].accuracy).toBeGreaterThan(0.9);
  expect(baselines).toMatchObject([{ name: "always bad", accuracy: 0.5 }, { accuracy: 1 }, { accuracy: 1 }]);
  expect((await gyre(["export", at("run"), at("exported")])).stderr).toContain("EXPORT_TEXTS");
  expect((await gyre([...report, "--count", "61"])).stderr).toContain("at most the 60 texts held out");
  expect((await gyre(["eval", at("run")])).stderr).toContain("no labelled texts at");
  expect((await gyre(["eval", at("run"), "--data", at("reviews")])).stderr).toContain("no labelled texts at");
});

test("labelled texts have exits, a card and sweeps as other tasks do", { timeout: 240_000 }, async () => {
  const at = (name: string) => join(folder.path, name);
  const lines = Array.from({ length: 80 }, (_, row) => (row % 2 ? `good,fine ${row}` : `bad,poor ${row}`));
  await writeFile(at("marks.csv"), lines.join("\n"));
  const prepare = [
    "tasks",
    "prepare",
    at("marks.csv"),
    at("marks"),
    "--tokenizer",
    "bytes",
    "--context",
    "12",
  ];
  expect((await gyre(prepare)).code).toBe(0);
  expect((await gyre(["train", at("marks"), "--out", at("judge"), ...model, ...training])).code).toBe(0);

  const exits = await gyre(["exits", at("judge"), "--out", at("exits"), "--name", "exits"]);
  expect([exits.code, exits.stderr]).toEqual([0, expect.any(String)]);
  const left = JSON.parse(await readFile(at("exits/exits.json"), "utf8"));
  expect(left).toMatchObject({ kind: "answer-exits", task: { name: "classify" }, loops: 2 });

  const card = await gyre(["card", at("judge"), "--out", at("card"), "--threads", "1"]);
  expect([card.code, card.stderr]).toEqual([0, expect.any(String)]);
  const { quality, states, missing } = JSON.parse(await readFile(at("card/card.json"), "utf8"));
  expect(quality).toMatchObject({ kind: "answers", problems: left.problems, task: { name: "classify" } });
  expect(states.analysis.fullDepth).toBe(2);
  expect(missing.map(({ part }: { part: string }) => part)).toEqual(["trajectories", "drafts"]);

  const recipe = {
    model: { family: "baseLoop", layers: 1, loops: 2, context: 12, width: 16, heads: 2, mlp: 32 },
    training: { steps: 4, batch: 8, warmupSteps: 1 },
  };
  await writeFile(at("recipe.json"), JSON.stringify(recipe));
  const search = { "training.learningRate": [0.001, 0.02] };
  await writeFile(
    at("sweep.json"),
    JSON.stringify({ data: at("marks"), recipe: "recipe.json", search, evalEvery: 4 }),
  );
  const swept = await gyre(["sweep", at("sweep.json"), "--out", at("sweep"), "--threads", "1"]);
  expect([swept.code, swept.stderr]).toEqual([0, expect.stringContaining("2 trials to step 4")]);
  const { measure, trials } = JSON.parse(await readFile(at("sweep/report.json"), "utf8"));
  expect([measure, trials.length]).toEqual(["accuracy", 2]);
});

test("what labelled texts have not is refused", async () => {
  const at = (name: string) => join(folder.path, name);
  await writeFile(at("a.csv"), Array.from({ length: 40 }, (_, row) => `${row % 2},text ${row}`).join("\n"));
  expect((await gyre(["tasks", "prepare", at("a.csv"), at("a"), "--tokenizer", "bytes"])).code).toBe(0);
  const refusal = async (...words: string[]) => (await gyre(words)).stderr;
  expect(await refusal("train", at("a"), "--out", at("x"), "--group", "S3")).toContain(
    "the form S3 of a task",
  );
  expect(await refusal("train", at("a"), "--out", at("x"), "--difficulty", "1..2")).toContain(
    "from 1 to 1 text",
  );
  expect(await refusal("train", at("a"), "--out", at("x"), "--context", "8")).toContain("context is 8");
  expect(await refusal("train", "classify", "--out", at("x"))).toContain("gyre tasks prepare");
  expect(await refusal("tasks", "show", "classify")).toContain("TASK_TEXTS");
  expect(
    await refusal("tasks", "prepare", at("a.csv"), at("b"), "--tokenizer", "bytes", "--vocab", "300"),
  ).toContain("--vocab is for");
  expect(await refusal("tasks", "prepare", at("gone"), at("b"))).toContain("DATA_PATH");
});

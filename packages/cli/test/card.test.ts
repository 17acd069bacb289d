import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { presets } from "gyre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { gpt, size, temporaryFolder, tinyData, tinyRun } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const run = (text: string) => gyre(text.split(" "), { cwd: folder.path });
const cardIn = async (path: string) =>
  JSON.parse(await readFile(join(folder.path, path, "card.json"), "utf8"));
const partsIn = ({ missing }: { missing: { part: string }[] }) => missing.map(({ part }) => part);

beforeAll(async () => {
  folder = await temporaryFolder();
  const data = await tinyData(join(folder.path, "data"));
  await tinyRun(join(folder.path, "looped"), presets.loopformer({ ...size, loops: 3 }), data);
  await tinyRun(join(folder.path, "gpt"), gpt, data);
  await tinyRun(join(folder.path, "alone"));
});
afterAll(() => folder.remove());

describe("gyre card", () => {
  test("names what was not measured, and why", async () => {
    const { code, stdout } = await run("card alone --no-measure --threads 1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^alone: report card\nloopformer of \d+,\d+ parameters: 1 layer, 4 loops/);
    const card = await cardIn("alone/reports");
    expect(partsIn(card)).toEqual([
      ...["quality", "trajectories", "exits, cache policy recompute", "exits, cache policy share-last"],
      ...["drafts", "verdict", "speed and memory"],
    ]);
    expect(card.missing[0].why).toBe("the run has no text; --data names a dataset");
    expect(card.missing[4].why).toBe("--no-measure");
  });

  test("measures what is missing beside baselines, keeps it with the run, and finds it again", async () => {
    const words = "--baseline gpt --max-tokens 64 --threads 1";
    const { code, stdout } = await run(`card looped ${words} --out card`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ngpt +neither +2 +/);
    const card = await cardIn("card");
    expect(card.missing).toEqual([]);
    expect(card.quality.models.map(({ name }: { name: string }) => name)).toEqual(["looped", "gpt"]);
    expect(card.trajectories.models[0].points).toHaveLength(3);
    expect(card.exits.map((one: { cachePolicy: string }) => one.cachePolicy)).toEqual([
      "recompute",
      "share-last",
    ]);
    expect(card.speed.points).toHaveLength(3);
    expect(await readdir(join(folder.path, "card"))).toEqual(
      expect.arrayContaining(["card.html", "card.json", "card.md", "card.svg"]),
    );
    expect((await run(`card looped ${words} --no-measure --out again`)).code).toBe(0);
    const again = await cardIn("again");
    expect(partsIn(again)).toEqual(["speed and memory"]);
    expect([again.quality.models, again.states, again.drafts]).toEqual([
      card.quality.models,
      card.states,
      card.drafts,
    ]);
  });

  test("refuses a baseline that is none before anything is measured", async () => {
    const { code, stderr } = await run("card looped --baseline data");
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^RUN_/);
  });
});

test("a run on a task is looked into on its problems, and its card has right answers", async () => {
  const model = "--layers 1 --loops 2 --width 16 --heads 2 --mlp 32";
  const trained = await run(
    `train words --out words --difficulty 6 --steps 2 --batch 4 --threads 1 ${model}`,
  );
  expect(trained.code).toBe(0);
  expect((await run("card words --threads 1")).code).toBe(0);
  const card = await cardIn("words/reports");
  expect(card.quality).toMatchObject({ kind: "answers", difficulties: [1, 2, 3, 4, 5, 6] });
  expect(card.states.analysis).toMatchObject({ fullDepth: 2, tokens: 516 });
  expect(card.states.provenance.data).toEqual({ name: "words S3", split: "held-out" });
  expect((await run("card words --data data")).stderr).toMatch(/--data is not for runs on tasks/);
  expect(card.answerExits).toMatchObject({ kind: "answer-exits", loops: 2, problems: 500 });
  expect(partsIn(card)).toEqual(["trajectories", "drafts"]);
});

test("a model of a task keeps its task on its way through an official folder, and has a card beside where it came from", async () => {
  expect((await run("export words hub")).code).toBe(0);
  const { stdout } = await run("import hub --out travelled");
  expect(stdout).toMatch(/\nlearned words S3, difficulties 6 to 6\n$/);
  expect((await run("card travelled --baseline words --threads 1 --out both")).code).toBe(0);
  const card = await cardIn("both");
  const [own, before] = card.quality.models;
  expect([own.name, before.name]).toEqual(["travelled", "words"]);
  expect(own.points).toEqual(before.points);
  expect(card.states.provenance.data).toEqual({ name: "words S3", split: "held-out" });
  expect(card.answerExits.problems).toBe(500);
  expect(card.training[0]).toEqual({ name: "task", text: "words S3, difficulties 6 to 6" });
});

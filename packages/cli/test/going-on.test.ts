import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadWeights, openRun } from "gyre/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
let first: string;
const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 3".split(" ");
const training = "--batch 2 --warmup-steps 2 --seed 5 --threads 1".split(" ");
beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(join(folder.path, "data"));
  first = join(folder.path, "first");
  const begun = await gyre(["train", data, "--out", first, ...model, ...training, "--steps", "6"]);
  expect(begun.code).toBe(0);
});
afterAll(() => folder.remove());

const configOf = async (run: string) => JSON.parse(await readFile(join(run, "config.json"), "utf8"));
const linesOf = async (run: string) =>
  (await readFile(join(run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");

test("--from begins a run with the model and the weights of another", async () => {
  const tuned = join(folder.path, "tuned");
  const other = await tinyData(join(folder.path, "other"), "women");
  const words = ["train", other, "--out", tuned, "--from", first, ...training, "--steps", "2"];
  const { code, stderr } = await gyre([...words, "--learning-rate", "1e-9", "--weight-decay", "0"]);
  expect(stderr).toContain("1 layer x 3 loops, width 16");
  expect(code).toBe(0);
  expect(await configOf(tuned)).toMatchObject({ from: { run: first, step: 6 }, training: { steps: 2 } });
  const before = (await loadWeights(await openRun(first))).weights;
  const after = (await loadWeights(await openRun(tuned))).weights;
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [name, { data: values }] of after)
    for (const [at, value] of values.entries())
      expect(Math.abs(value - (before.get(name)?.data[at] ?? Number.NaN))).toBeLessThan(1e-6);
}, 60_000);

test("--from takes a checkpoint by its folder, and so does --checkpoint by its step", async () => {
  const tuned = join(folder.path, "from-folder");
  const words = ["train", data, "--out", tuned, ...training, "--steps", "1", "--from"];
  const at = join(first, "checkpoints", "step-000006");
  expect((await gyre([...words, at])).code).toBe(0);
  expect(await configOf(tuned)).toMatchObject({ from: { run: first, step: 6 } });
  const both = await gyre([...words, at, "--force", "--checkpoint", "6"]);
  expect(both.stderr).toContain(`--from ${at}, a checkpoint, with --checkpoint 6`);
  const none = await gyre([...words, first, "--force", "--checkpoint", "5"]);
  expect(none.stderr).toMatch(/RUN_NO_STEP: .* no checkpoint of step 5\n {2}expected: one of step 6\n/);
  const write = [
    "generate",
    first,
    "--max-tokens",
    "4",
    "--temperature",
    "0",
    "--prompt",
    "We ",
    "--checkpoint",
  ];
  expect((await gyre([...write, "6"])).stdout).toBe((await gyre([...write, "latest"])).stdout);
  expect((await gyre([...write, "newest"])).code).toBe(2);
}, 60_000);

test("--from refuses what does not fit, and writes nothing", async () => {
  const out = join(folder.path, "none");
  const words = ["train", data, "--out", out, "--from"];
  const sized = await gyre([...words, first, "--layers", "2"]);
  expect(sized.stderr).toContain(`--from ${first} with --layers: it has the model of ${first}`);
  const lonely = await gyre(["train", data, "--out", out, "--checkpoint", "best"]);
  expect(lonely.stderr).toContain("--checkpoint without --from");
  const both = await gyre(["train", "--resume", first, "--from", first]);
  expect(both.stderr).toContain("with --from");
  const best = await gyre([...words, first, "--checkpoint", "best"]);
  expect(best.stderr).toContain("has no best checkpoint");
  expect([sized, lonely, both, best].map(({ code }) => code)).toEqual([1, 1, 1, 1]);
  await expect(readdir(out)).rejects.toThrow();
}, 60_000);

test("--dry-run says what a training would take, and writes nothing", async () => {
  const out = join(folder.path, "dry");
  const { code, stdout } = await gyre(["train", data, "--out", out, ...model, ...training, "--dry-run"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/would be made; nothing was written\./);
  expect(stdout).toMatch(/^model +loopformer, [\d,]+ parameters$/m);
  expect(stdout).toMatch(/^steps +1,000 of 2 x 16 tokens$/m);
  expect(stdout).toMatch(/^memory +about \S+ \S+ of \S+ \S+$/m);
  expect(stdout).toMatch(/^FLOPs +\S+ a step, \S+ in all, at most$/m);
  expect(stdout).toMatch(/^time +about .* on 1 thread$/m);
  await expect(readdir(out)).rejects.toThrow();
}, 60_000);

test("--resume with more --steps trains on; with no more it is done", async () => {
  const done = await gyre(["train", "--resume", first, "--steps", "6"]);
  expect([done.code, done.stderr]).toEqual([1, expect.stringContaining("which has done 6 steps")]);
  const { code, stderr } = await gyre(["train", "--resume", first, "--steps", "9"]);
  expect(stderr).toContain("9 steps of 2 x 16 tokens, from step 6");
  expect(code).toBe(0);
  expect(await configOf(first)).toMatchObject({ training: { steps: 9 } });
  expect((await linesOf(first)).map((line) => JSON.parse(line).step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const fixed = await gyre(["train", "--resume", first, "--steps", "12", "--batch", "4"]);
  expect(fixed.stderr).toContain("with --batch: a run keeps the options it began with");
}, 60_000);

test("--prompt-key: prompts are read, and neither learned nor measured", async () => {
  const rows = Array.from({ length: 60 }, (_, at) => ({ ask: `What is ${at}?`, answer: ` It is ${at}.` }));
  const [file, out, run] = ["rows.jsonl", "rows", "answering"].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const keys = ["--tokenizer", "bytes", "--text-key", "answer", "--prompt-key", "ask"];
  expect((await gyre(["prepare", file, out, ...keys])).code).toBe(0);
  const steps = ["--steps", "2", "--eval-every", "2"];
  const trained = await gyre(["train", out, "--out", run, ...model, ...training, ...steps]);
  expect([trained.code, trained.stderr]).toEqual([0, expect.stringContaining("step 2: held out at 1, 2, 3")]);
  const reports = join(folder.path, "answered");
  expect((await gyre(["eval", run, "--loops", "3", "--out", reports])).code).toBe(0);
  const report = JSON.parse(await readFile(join(reports, "latest.json"), "utf8"));
  // the last tenth of the rows, each answer with its end of text
  const answers = rows.slice(-6).reduce((sum, { answer }) => sum + answer.length + 1, 0);
  expect([report.protocol.tokens, report.models[0].points[0].tokens]).toEqual([answers, answers]);
}, 60_000);

test("--tokenizer takes the one that a dataset, a run or a file has, so that a run can go on with other text", async () => {
  const notes = join(folder.path, "tok.txt");
  await writeFile(notes, "one two three four five six seven eight nine ten\n".repeat(60));
  const first = join(folder.path, "tok-first");
  const own = ["--vocab", "280"];
  expect((await gyre(["prepare", notes, first, ...own])).code).toBe(0);
  await writeFile(notes, "ten nine eight and other words that were never seen\n".repeat(60));
  const run = join(folder.path, "tok-run");
  const size =
    "--layers 1 --width 16 --heads 2 --mlp 32 --context 8 --loops 2 --steps 2 --batch 2 --warmup-steps 1";
  expect((await gyre(["train", first, "--out", run, ...size.split(" ")])).code).toBe(0);
  for (const [at, which] of [first, join(first, "tokenizer.json"), run].entries()) {
    const out = join(folder.path, `tok-${at}`);
    const { code, stderr } = await gyre(["prepare", notes, out, "--tokenizer", which]);
    expect([stderr.includes("note:"), code]).toEqual([false, 0]);
    expect(await readFile(join(out, "tokenizer.json"), "utf8")).toBe(
      await readFile(join(first, "tokenizer.json"), "utf8"),
    );
  }
  const more = ["--from", run, "--steps", "2", "--batch", "2", "--warmup-steps", "1"];
  const tuned = await gyre([
    "train",
    join(folder.path, "tok-0"),
    "--out",
    join(folder.path, "tok-tuned"),
    ...more,
  ]);
  expect(tuned.code).toBe(0);
  const none = await gyre(["prepare", notes, join(folder.path, "tok-none"), "--tokenizer", "bpee"]);
  expect(none.stderr).toContain(
    "--tokenizer bpee: neither bpe, gpt2, bytes or characters, nor a tokenizer.json",
  );
}, 60_000);

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { evaluate } from "gyre";
import { loadWeights, openDataset, openOnnxRuntime, openRun } from "gyre/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
let run: string;
let plain: string;
const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 2".split(" ");
const training = "--batch 2 --warmup-steps 2 --seed 5 --threads 1 --steps 20 --learning-rate 0.01".split(" ");
const measuring = ["--eval-every", "10"];
beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(join(folder.path, "data"));
  [run, plain] = [join(folder.path, "averaged"), join(folder.path, "plain")];
  const averaged = ["--ema-decay", "0.9", ...measuring];
  expect((await gyre(["train", data, "--out", run, ...model, ...training, ...averaged])).code).toBe(0);
  expect((await gyre(["train", data, "--out", plain, ...model, ...training, ...measuring])).code).toBe(0);
}, 60_000);
afterAll(() => folder.remove());

const jsonOf = async (...path: string[]) => JSON.parse(await readFile(join(...path), "utf8"));
const recordsOf = async (path: string) =>
  (await readFile(join(path, "metrics.jsonl"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const weightsOf = async (path: string, which: "ema" | "last") =>
  (await loadWeights(await openRun(path), "latest", which)).weights;

test("--ema-decay leaves the training as it is, and held-out quality is that of the averages", async () => {
  const [averaged, without] = [await recordsOf(run), await recordsOf(plain)];
  expect(averaged.map(({ loss }) => loss)).toEqual(without.map(({ loss }) => loss));
  expect((await jsonOf(run, "config.json")).training.emaDecay).toBe(0.9);
  const { spec } = (await openRun(run)).config;
  const { validation: split, tokenizer } = await openDataset(data);
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const at = async (which: "ema" | "last") => {
    const weights = await weightsOf(run, which);
    const measured = { spec, weights, runtime, split, byteLength: tokenizer.byteLength, maxTokens: 8192 };
    for await (const { bitsPerByte } of evaluate({ ...measured, budgets: [2] })) return bitsPerByte;
    return Number.NaN;
  };
  expect(averaged.at(-1).heldOut.bitsPerByte[2]).toBeCloseTo(await at("ema"), 9);
  expect(without.at(-1).heldOut.bitsPerByte[2]).toBeCloseTo(await at("last"), 9);
}, 60_000);

test("commands take the averages, or the last weights with --weights last", async () => {
  const out = (name: string) => join(folder.path, name);
  const exported = async (...more: string[]) => {
    const name = out(`exported-${more.at(-1) ?? "usual"}`);
    expect((await gyre(["export", run, name, ...more])).code).toBe(0);
    return await readFile(join(name, "model.safetensors"), "hex");
  };
  const usual = await exported();
  expect(await exported("--weights", "ema")).toEqual(usual);
  expect(await exported("--weights", "last")).not.toEqual(usual);
  const measured = async (...more: string[]) => {
    const name = out(`measured-${more.at(-1) ?? "usual"}`);
    expect((await gyre(["eval", run, "--max-tokens", "64", "--out", name, ...more])).code).toBe(0);
    return (await jsonOf(name, "latest.json")).models[0].sha256;
  };
  const sha256 = await measured();
  expect(await measured("--weights", "last")).not.toBe(sha256);
  const refused = await gyre(["generate", plain, "--weights", "ema"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("keeps no moving averages")]);
  const text = await gyre(["generate", run, "--weights", "last", "--max-tokens", "4", "--temperature", "0"]);
  expect(text.code).toBe(0);
  const served = await gyre(["serve", plain, "--port", "0", "--weights", "ema"]);
  expect([served.code, served.stderr]).toEqual([1, expect.stringContaining("keeps no moving averages")]);
}, 120_000);

test("--from begins with the averages, or with what --weights says", async () => {
  const still = [
    ...training.slice(0, -2),
    "--learning-rate",
    "1e-9",
    "--weight-decay",
    "0",
    "--eval-every",
    "0",
  ];
  const tuned = async (...more: string[]) => {
    const out = join(folder.path, `tuned-${more.at(-1) ?? "usual"}`);
    expect((await gyre(["train", data, "--out", out, "--from", run, ...still, ...more])).code).toBe(0);
    return { weights: await weightsOf(out, "last"), ...(await jsonOf(out, "config.json")) };
  };
  for (const [which, { weights, from }] of [
    ["ema", await tuned()],
    ["last", await tuned("--weights", "last")],
  ] as const) {
    const expected = await weightsOf(run, which);
    for (const [name, { data: values }] of weights)
      for (const [at, value] of values.entries())
        expect(Math.abs(value - (expected.get(name)?.data[at] ?? Number.NaN))).toBeLessThan(1e-6);
    expect(from).toEqual({ run, step: 20, ...(which === "last" ? { weights: which } : {}) });
  }
  const lonely = await gyre(["train", data, "--out", join(folder.path, "none"), "--weights", "last"]);
  expect([lonely.code, lonely.stderr]).toEqual([1, expect.stringContaining("--weights without --from")]);
}, 120_000);

test("a stopped run goes on with its averages, bit for bit, and takes no other decay", async () => {
  const stopped = join(folder.path, "stopped");
  const averaged = ["--ema-decay", "0.9", "--stop-at", "7", ...measuring];
  expect((await gyre(["train", data, "--out", stopped, ...model, ...training, ...averaged])).code).toBe(0);
  const refused = await gyre(["train", "--resume", stopped, "--ema-decay", "0.5"]);
  expect(refused.stderr).toContain("with --ema-decay: a run keeps the options it began with");
  expect((await gyre(["train", "--resume", stopped])).code).toBe(0);
  expect(await weightsOf(stopped, "ema")).toEqual(await weightsOf(run, "ema"));
}, 60_000);

test("runs on tasks and of the laboratory keep averages too", async () => {
  const words = join(folder.path, "words");
  const own =
    "--group S3 --difficulty 2..4 --layers 1 --loops 2 --width 16 --heads 2 --mlp 32 --steps 3 --batch 2";
  const begun = await gyre(["train", "words", "--out", words, ...own.split(" "), "--ema-decay", "0.9"]);
  expect(begun.code).toBe(0);
  const task = await openRun(words, ["task"]);
  expect((await loadWeights(task, "latest", "ema")).weights).not.toEqual(
    (await loadWeights(task, "latest", "last")).weights,
  );
  const line = join(folder.path, "line");
  const lab = ["lab", "train", "linear-looped", "--out", line, "--steps", "2", "--batch", "2"];
  expect((await gyre([...lab, "--ema-decay", "0.9"])).code).toBe(0);
  const prompts = await openRun(line, ["prompts"]);
  expect(prompts.config.training.emaDecay).toBe(0.9);
  expect((await loadWeights(prompts, "latest", "ema")).step).toBe(2);
}, 60_000);

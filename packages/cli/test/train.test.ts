import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(join(folder.path, "data"));
});
afterAll(() => folder.remove());

const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 3".split(" ");
const training = "--steps 120 --batch 2 --micro-batches 2 --warmup-steps 4 --seed 5".split(" ");
const begin = (run: string) => ["train", data, "--out", run, ...model, ...training];

/** The files that decide everything that follows: weights and moments of the last checkpoint, byte for byte. */
async function finalState(run: string): Promise<Record<string, Buffer>> {
  const last = (await readFile(join(run, "latest"), "utf8")).trim();
  const at = join(run, "checkpoints", last);
  const names = (await readdir(at)).filter((name) => name.endsWith(".safetensors"));
  expect(names).toEqual(["model.safetensors", "optimizer.safetensors"]);
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(at, name))] as const));
  return { step: Buffer.from(last), ...Object.fromEntries(files) };
}

async function losses(run: string): Promise<string[]> {
  const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  return lines.map((line) => {
    const { step, loss, gradientNorm } = JSON.parse(line);
    return `${step} ${loss} ${gradientNorm}`;
  });
}

test("a run that is killed, or stopped by Ctrl-C, and resumed equals one that was not, bit for bit", async () => {
  const whole = join(folder.path, "whole");
  const uninterrupted = await gyre(begin(whole));
  expect(uninterrupted.code).toBe(0);
  expect(uninterrupted.stderr).toMatch(
    /step 1\/120 {2}loss \d\.\d+ {2}short \d\.\d+ {2}consistency \S+ {2}\S+ tokens\/s {2}\d+ GFLOP\/s {2}ETA /,
  );
  expect(uninterrupted.stderr).toMatch(
    /done: 120 steps, loss \d\.\d{4} \(mean of the last 20 steps\), 7\.68k tokens in \d+s; best on held-out data: \d\.\d{3} bits\/byte at step \d+, kept beside the last\. next: gyre eval/,
  );
  const expected = { state: await finalState(whole), losses: await losses(whole) };
  expect(expected.losses).toHaveLength(120);

  const killed = join(folder.path, "killed");
  const atStep = (run: string, step: number) => async () =>
    (await losses(run).catch(() => [])).length >= step;
  const kill = await killWhen(
    [...begin(killed), "--checkpoint-every", "10"],
    atStep(killed, 23 + Math.floor(60 * Math.random())),
  );
  expect(kill.code).toBe(null);
  expect((await gyre(["train", "--resume", killed])).code).toBe(0);
  expect(await finalState(killed)).toEqual(expected.state);
  expect(await losses(killed)).toEqual(expected.losses);

  const stopped = join(folder.path, "stopped");
  const stop = await gyre(begin(stopped), { interruptAt: (_, stderr) => stderr.includes("step 1/120") });
  expect(stop.code).toBe(130);
  expect(stop.stderr).toMatch(
    /stopped and saved at step \d+: .* tokens in \d+s; continue with: gyre train --resume/,
  );
  const resumed = await gyre(["train", "--resume", stopped]);
  expect(resumed.code).toBe(0);
  expect(await finalState(stopped)).toEqual(expected.state);
  expect(await losses(stopped)).toEqual(expected.losses);
}, 120_000);

/** Runs gyre and kills it outright once `isTime` holds. */
async function killWhen(words: readonly string[], isTime: () => Promise<boolean>) {
  let isDue = false;
  const watch = setInterval(async () => {
    isDue ||= await isTime();
  }, 5);
  try {
    return await gyre(words, { interruptAt: () => isDue, signal: "SIGKILL" });
  } finally {
    clearInterval(watch);
  }
}

test("a run keeps its options, is not overwritten, and says when it is done", async () => {
  const run = join(folder.path, "short");
  const short = [...begin(run).slice(0, -training.length), "--steps", "2"];
  expect((await gyre(short)).code).toBe(0);
  const again = await gyre(short);
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/RUN_EXISTS/)]);
  const changed = await gyre(["train", "--resume", run, "--batch", "9"]);
  expect([changed.code, changed.stderr]).toEqual([
    1,
    expect.stringMatching(/TRAIN_USAGE: --resume .* with --batch/),
  ]);
  const done = await gyre(["train", "--resume", run]);
  expect([done.code, done.stderr]).toEqual([1, expect.stringMatching(/TRAIN_DONE.*2 steps/)]);
  expect((await gyre([...short, "--force"])).code).toBe(0);
});

test("a recipe, and flags, that no machine can hold are refused in words before anything is made", async () => {
  const [recipe, run] = [join(folder.path, "huge.json"), join(folder.path, "huge")];
  for (const [part, field, words] of [
    ["model", "layers", "model.layers: must be a number of at most 1024, not 4294967296"],
    ["model", "width", "model.width: must be a number of at most 65536, not 4294967296"],
    ["model", "mlp", "model.mlp: must be a number of at most 262144, not 4294967296"],
    ["model", "context", "model.context: must be a number of at most 1048576, not 4294967296"],
    ["training", "batch", "training.batch: must be a number of at most 65536, not 4294967296"],
  ] as const) {
    await writeFile(recipe, JSON.stringify({ [part]: { [field]: 2 ** 32 } }));
    const refused = await gyre(["train", data, "--out", run, "--recipe", recipe]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(words)]);
    const flag = await gyre(["train", data, "--out", run, `--${field}`, "4294967296"]);
    expect([flag.code, flag.stderr]).toEqual([2, expect.stringContaining(`--${field} <n>`)]);
  }
  await expect(readdir(run)).rejects.toThrow("ENOENT");
});

test("a recipe sets what flags do not, and a wrong field of it is refused by name", async () => {
  const [good, bad] = [join(folder.path, "good.json"), join(folder.path, "bad.json")];
  const recipe = {
    model: { family: "tmlt", width: 16, heads: 2, mlp: 32, context: 16, layers: 1, loops: 2 },
    training: { steps: 3, objective: { kind: "elastic", consistencyWeight: 0 } },
  };
  await writeFile(good, JSON.stringify(recipe));
  await writeFile(bad, JSON.stringify({ ...recipe, training: { stpes: 3 } }));
  const run = join(folder.path, "recipe");
  expect((await gyre(["train", data, "--out", run, "--recipe", good, "--loops", "3"])).code).toBe(0);
  const config = JSON.parse(await readFile(join(run, "config.json"), "utf8"));
  expect(config.spec).toMatchObject({ family: "tmlt", width: 16, loops: 3 });
  expect(config.training).toMatchObject({
    steps: 3,
    objective: { kind: "elastic", shortWeight: 0.1, consistencyWeight: 0 },
  });
  const refused = await gyre(["train", data, "--out", join(folder.path, "none"), "--recipe", bad]);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/RECIPE: .*bad\.json: training.*stpes/),
  ]);
});

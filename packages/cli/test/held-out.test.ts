import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HeldOut } from "../src/held-out.ts";
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
const training = "--batch 2 --warmup-steps 4 --seed 5 --threads 1".split(" ");
const begin = (run: string, ...more: string[]) => [
  "train",
  data,
  "--out",
  run,
  ...model,
  ...training,
  ...more,
];

async function recordsOf(run: string) {
  const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

const weightsAt = (run: string, name: string) =>
  readFile(join(run, "checkpoints", name, "model.safetensors"));

test("held-out quality is measured at every number of loops, and samples are written; neither changes anything of the training", async () => {
  const sampled = ["--sample-every", "20"];
  const plain = join(folder.path, "plain");
  const measured = join(folder.path, "measured");
  expect((await gyre(begin(plain, "--steps", "40", "--eval-every", "0"))).code).toBe(0);
  const first = await gyre(
    begin(measured, "--steps", "40", "--eval-every", "10", "--checkpoint-every", "8", ...sampled),
    {
      interruptAt: (_, stderr) => stderr.includes("step 20: held out"),
    },
  );
  expect(first.stderr).toMatch(
    /step 10: held out at 1, 2, 3 loops: \d\.\d{3} {2}\d\.\d{3} {2}\d\.\d{3} bits\/byte, the best so far/,
  );
  const { code, stderr } = await gyre(["train", "--resume", measured, "--eval-every", "10", ...sampled]);
  expect([first.code, code]).toEqual([130, 0]);
  const records = await recordsOf(measured);
  const written = records.filter(({ samples }) => samples !== undefined);
  expect(written.map(({ step }) => step)).toEqual([20, 40]);
  for (const { samples } of written) {
    expect(samples.prompt).toHaveLength(4);
    expect(Object.keys(samples.texts)).toEqual(["1", "2", "3"]);
  }
  expect(stderr).toContain(
    `step 40: after ${JSON.stringify(written[1].samples.prompt)}\n  1 loop: ${JSON.stringify(written[1].samples.texts[1])}\n`,
  );
  const found = records.filter(({ heldOut }) => heldOut !== undefined);
  expect(found.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
  for (const { heldOut } of found) expect(Object.keys(heldOut.bitsPerByte)).toEqual(["1", "2", "3"]);
  const deepest = found.map(({ step, heldOut }) => ({ step, value: heldOut.bitsPerByte[3] }));
  const best = deepest.reduce((least, one) => (one.value < least.value ? one : least));
  expect(stderr).toContain(
    `best on held-out data: ${best.value.toFixed(3)} bits/byte at step ${best.step}, kept`,
  );
  expect(await weightsAt(measured, "step-000040")).toEqual(await weightsAt(plain, "step-000040"));
  expect(records.map(({ loss }) => loss)).toEqual((await recordsOf(plain)).map(({ loss }) => loss));

  expect((await gyre(["runs", folder.path])).stdout).toContain(`${best.value.toFixed(3)} bits/byte`);

  // what eval finds of the best checkpoint on the same tokens is what training found
  const out = join(folder.path, "report");
  const asked = [
    "eval",
    measured,
    "--checkpoint",
    "best",
    "--max-tokens",
    "8192",
    "--out",
    out,
    "--threads",
    "1",
  ];
  expect((await gyre(asked)).code).toBe(0);
  const [model] = JSON.parse(await readFile(join(out, "latest.json"), "utf8")).models;
  expect(model.step).toBe(best.step);
  expect(model.points.at(-1).bitsPerByte).toBeCloseTo(best.value, 6);
}, 120_000);

test("training stops when nothing gets better, and the best checkpoint stays and is used", async () => {
  const run = join(folder.path, "patient");
  const worse = ["--steps", "60", "--eval-every", "2", "--patience", "3", "--learning-rate", "2"];
  const { code, stderr } = await gyre(begin(run, ...worse, "--checkpoint-every", "1"));
  expect(code).toBe(0);
  const [, step, best] =
    stderr.match(
      /stopped at step (\d+): no better for 3 measurements; best on held-out data: .* at step (\d+)/,
    ) ?? [];
  expect(Number(step)).toBe(Number(best) + 6);
  const kept = (await readdir(join(run, "checkpoints"))).sort();
  const name = (at: number) => `step-${String(at).padStart(6, "0")}`;
  expect(kept).toEqual([Number(best), Number(step) - 1, Number(step)].map(name));
  const words = ["generate", run, "--max-tokens", "4", "--temperature", "0", "--prompt", "We "];
  expect((await gyre([...words, "--checkpoint", "best"])).code).toBe(0);
  expect((await gyre(["clean", run])).code).toBe(0);
  expect((await readdir(join(run, "checkpoints"))).sort()).toEqual([name(Number(best)), name(Number(step))]);
}, 120_000);

test("a run that never measured has no best checkpoint; patience needs measurements", async () => {
  const run = join(folder.path, "short");
  expect((await gyre(begin(run, "--steps", "3"))).code).toBe(0);
  const none = await gyre(["generate", run, "--checkpoint", "best", "--max-tokens", "4"]);
  expect(none.code).toBe(1);
  expect(none.stderr).toContain("has no best checkpoint");
  const never = await gyre(begin(join(folder.path, "never"), "--eval-every", "0", "--patience", "2"));
  expect(never.code).toBe(1);
  expect(never.stderr).toContain("--patience 2 with --eval-every 0, which measures nothing");
  await expect(readdir(join(folder.path, "never"))).rejects.toThrow();
}, 60_000);

test("is due every so many steps and at the end; by default ten times, and not in a short run", () => {
  const measure = {
    name: "accuracy",
    unit: "% right",
    text: String,
    isBetter: (value: number, than: number) => value > than,
    points: async () => [],
  } as const;
  const due = (steps: number, evalEvery?: number) => {
    const measurer = new HeldOut(measure, { steps, ...(evalEvery === undefined ? {} : { evalEvery }) });
    return Array.from({ length: steps }, (_, at) => at + 1).filter((step) => measurer.isDue(step));
  };
  expect(due(25, 10)).toEqual([10, 20, 25]);
  expect(due(30, 10)).toEqual([10, 20, 30]);
  expect(due(2000)).toEqual([200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000]);
  expect(due(250)).toEqual([100, 200, 250]);
  expect(due(99)).toEqual([]);
  expect(due(500, 0)).toEqual([]);
});

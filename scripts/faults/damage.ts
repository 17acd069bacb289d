import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GyreError, type Weights } from "gyre";
import { holdRun, loadWeights, openDataset, openRun } from "gyre/node";
import type { FaultContext, FaultPart } from "./part.ts";
import { randomOf, sharedOut } from "./part.ts";
import { tinyData, tinyRun } from "./tiny.ts";

const newest = join("run", "checkpoints", "step-000002");
const files = [
  join("run", "config.json"),
  join("run", "metrics.jsonl"),
  join("run", "latest"),
  join(newest, "model.safetensors"),
  join(newest, "optimizer.safetensors"),
  join(newest, "state.json"),
  join("data", "manifest.json"),
  join("data", "train.bin"),
];

const damages: Readonly<Record<string, (path: string, context: FaultContext) => Promise<void>>> = {
  missing: (path) => rm(path),
  empty: (path) => truncate(path),
  "cut in half": async (path) => truncate(path, Math.floor((await readFile(path)).length / 2)),
  "a flipped bit": async (path, context) => {
    const bytes = await readFile(path);
    const random = randomOf(context, "damage", path.slice(context.folder.length));
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    await writeFile(path, bytes);
  },
  "of zeros": async (path) => writeFile(path, new Uint8Array((await readFile(path)).length)),
  "with more at its end": async (path) => writeFile(path, "}\nmore", { flag: "a" }),
  "a folder": async (path) => {
    await rm(path);
    await mkdir(path);
  },
  "a pipe": async (path) => {
    await rm(path);
    execFileSync("mkfifo", [path]);
  },
};

/** Further damages, of more than one file. */
const others: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "no checkpoints": (folder) => rm(join(folder, "run", "checkpoints"), { recursive: true }),
  "the newest checkpoint is gone": (folder) => rm(join(folder, newest), { recursive: true }),
  "a checkpoint half written": (folder) =>
    cp(join(folder, newest), join(folder, "run", "checkpoints", ".tmp-step-000003"), { recursive: true }),
  "weights and moments exchanged": async (folder) => {
    const [a, b] = ["model", "optimizer"].map((name) => join(folder, newest, `${name}.safetensors`)) as [
      string,
      string,
    ];
    const [first, second] = [await readFile(a), await readFile(b)];
    await writeFile(a, second);
    await writeFile(b, first);
  },
  "the dataset is another": (folder) => writeFile(join(folder, "data", "validation.bin"), "another"),
};

const answerWithinMs = 10_000;

async function tokensOf(data: string): Promise<Uint16Array | Uint32Array> {
  const { train } = await openDataset(data);
  return train.read(0, train.length);
}

/** Undefined where an act did what it should: gave what `isRight` accepts, or refused in plain words, and soon. */
async function problemOf<Value>(act: () => Promise<Value>, isRight: (value: Value) => boolean) {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${answerWithinMs} ms`)), answerWithinMs);
  });
  try {
    return isRight(await Promise.race([act(), tooLate])) ? undefined : "gave something else";
  } catch (error) {
    return error instanceof GyreError ? undefined : `threw ${(error as Error).stack}`;
  } finally {
    clearTimeout(timer);
  }
}

const isSame = (a: Weights, b: Weights) =>
  a.size === b.size &&
  [...a].every(([name, { data }]) => Buffer.compare(bytesOf(data), bytesOf(b.get(name)?.data)) === 0);
const bytesOf = (data: Float32Array = new Float32Array()) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** Every way in which a run or its dataset can lose a file: what is read is right, or refused in plain words. */
export const damage: FaultPart = {
  name: "damage",
  summary: "damaged runs and datasets: read rightly, from an older checkpoint, or refused",
  async run(context) {
    const whole = join(context.folder, "whole");
    await mkdir(whole);
    await tinyRun(join(whole, "run"), await tinyData(whole), context.seed);
    const intact = await openRun(join(whole, "run"));
    const last = (await loadWeights(intact)).weights;
    await rm(join(whole, newest), { recursive: true });
    const before = (await loadWeights(intact)).weights;
    await rm(whole, { recursive: true });
    await mkdir(whole);
    const data = await tinyData(whole);
    await tinyRun(join(whole, "run"), data, context.seed);
    const train = await tokensOf(data);

    const each = Object.entries(damages).flatMap(([name, act]) =>
      files.map((file) => ({ name: `${file}: ${name}`, act: (at: string) => act(join(at, file), context) })),
    );
    const all = [...each, ...Object.entries(others).map(([name, act]) => ({ name, act }))];
    const kinds = all.slice(0, sharedOut(all.length, context));
    const broken: string[] = [];
    for (const { name, act } of kinds) {
      const copy = join(context.folder, "copy");
      await rm(copy, { recursive: true, force: true });
      await cp(whole, copy, { recursive: true });
      await act(copy);
      const run = join(copy, "run");
      const problems = [
        await problemOf(
          async () => loadWeights(await openRun(run)),
          ({ weights, warnings }) =>
            isSame(weights, last) || (isSame(weights, before) && warnings.length > 0),
        ),
        await problemOf(
          async () => {
            await using held = await holdRun(run, ["text"]);
            const { state } = await held.resume();
            return { step: state?.step, ...(await held.metrics.read()) };
          },
          ({ step, records }) => (step === undefined || [1, 2].includes(step)) && records.length <= 2,
        ),
        await problemOf(
          async () => tokensOf(join(copy, "data")),
          (tokens) => tokens.length === train.length && tokens.every((token, at) => token === train[at]),
        ),
      ];
      for (const problem of problems) if (problem) broken.push(`${name}: ${problem}`);
    }
    return { attacks: kinds.length, broken, measured: `${files.length} files` };
  },
};

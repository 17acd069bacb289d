import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Rng } from "../../packages/gyre/src/util/rng.ts";
import type { FaultContext, FaultPart } from "./part.ts";
import { pick, randomOf, sharedOut } from "./part.ts";
import { gyre, succeed, tinyData } from "./tiny.ts";

const steps = 40;
const size = [
  "--width",
  "16",
  "--heads",
  "2",
  "--mlp",
  "32",
  "--layers",
  "1",
  "--loops",
  "3",
  "--context",
  "32",
];
const brief = ["--steps", `${steps}`, "--batch", "2", "--warmup-steps", "2"];
const machine = ["--checkpoint-every", "3", "--threads", "1"];

/** What a run came to: its last checkpoint, and its metrics without what a clock said. */
async function fingerprint(run: string): Promise<string> {
  const folder = join(run, "checkpoints", `step-${String(steps).padStart(6, "0")}`);
  const hash = createHash("sha256");
  for (const file of ["model.safetensors", "optimizer.safetensors"])
    hash.update(await readFile(join(folder, file)));
  const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  for (const line of lines) {
    const { step, loss } = JSON.parse(line) as { step: number; loss: number };
    hash.update(`${step} ${loss}\n`);
  }
  return `${lines.length} lines, ${hash.digest("hex").slice(0, 16)}`;
}

const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0);
const isSaving = (run: string) =>
  existsSync(join(run, "checkpoints")) &&
  readdirSync(join(run, "checkpoints")).some((name) => !/^step-\d+$/.test(name));

/** When to kill: after a while, at a step, or in the middle of a save. */
function moment(run: string, random: Rng, lastsMs: number): () => boolean {
  const begun = performance.now();
  const [afterMs, step] = [random.uniform() * 0.8 * lastsMs, 1 + random.below(steps - 2)];
  const kinds = [
    () => performance.now() - begun >= afterMs,
    () => linesOf(join(run, "metrics.jsonl")) >= step,
    () => linesOf(join(run, "metrics.jsonl")) >= step - 3 && isSaving(run),
  ];
  return pick(kinds, random);
}

/** Trains to the end through some kills, and says what came of it. */
async function survive(run: string, data: string, attack: number, { context, lastsMs }: Siege) {
  const random = randomOf(context, "kills", attack);
  const kills = 1 + random.below(3);
  let killed = 0;
  for (let turn = 0; turn <= kills; turn++) {
    const begin = ["train", data, "--out", run, "--force", ...size, ...brief, "--seed", `${context.seed}`];
    const isThere = existsSync(join(run, "config.json"));
    const child = gyre(...(isThere ? ["train", "--resume", run] : begin), ...machine);
    const isTime = moment(run, random, lastsMs);
    const watch = setInterval(() => turn < kills && isTime() && child.kill("SIGKILL"), 1);
    const { code, signal, stderr } = await child.ended;
    clearInterval(watch);
    if (signal === "SIGKILL") killed++;
    else if (code !== 0 && !stderr.startsWith("TRAIN_DONE")) throw new Error(`exit ${code}: ${stderr}`);
    else break;
  }
  return { killed, fingerprint: await fingerprint(run) };
}

interface Siege {
  readonly context: FaultContext;
  /** How long a training takes that nobody ends. */
  readonly lastsMs: number;
}

/** kill -9 at any moment, from the first millisecond on: a run that is resumed ends as if nothing had been. */
export const kills: FaultPart = {
  name: "kills",
  summary: "kill -9 and resume: the same weights and metrics, bit for bit",
  async run(context) {
    const data = await tinyData(context.folder);
    const whole = join(context.folder, "whole");
    const begun = performance.now();
    const options = [...size, ...brief, "--seed", `${context.seed}`, ...machine];
    await succeed("train", data, "--out", whole, ...options);
    const lastsMs = performance.now() - begun;
    const expected = await fingerprint(whole);
    const attacks = sharedOut(45, context);
    const broken: string[] = [];
    let killed = 0;
    let next = 0;
    const worker = async () => {
      while (next < attacks) {
        const attack = next++;
        const run = join(context.folder, `run-${attack}`);
        const failed = (error: Error) => ({ killed: 0, fingerprint: error.message });
        const outcome = await survive(run, data, attack, { context, lastsMs }).catch(failed);
        killed += outcome.killed;
        if (outcome.fingerprint !== expected)
          broken.push(`attack ${attack}: ${outcome.fingerprint}, not ${expected}`);
        await rm(run, { recursive: true, force: true });
        context.note(`${attack + 1} of ${attacks} runs, ${killed} kills`);
      }
    };
    await Promise.all([worker(), worker()]);
    return { attacks, broken, measured: `${killed} kills` };
  },
};

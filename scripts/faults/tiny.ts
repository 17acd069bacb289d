import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bytesTokenizer, initialState, initialWeights, loopformer, parseTraining, type Weights } from "gyre";
import { createRun, openDataset, prepareDataset } from "gyre/node";

/** The smallest model that has everything: loops, step sizes, two heads. */
export const spec = loopformer({
  vocab: 257,
  context: 64,
  width: 16,
  heads: 2,
  mlp: 32,
  layers: 1,
  loops: 4,
});

const sentence = "We the people hold these truths to be dear, and on the third day the river rose again.\n";

/** Weights as drawn, scaled up so that depth matters. */
export function tinyWeights(seed: number): Weights {
  const scaled = [...initialWeights(spec, seed)].map(
    ([name, { data, shape }]) =>
      [name, { data: shape.length > 1 ? data.map((value) => 6 * value) : data, shape }] as const,
  );
  return new Map(scaled);
}

/** A dataset of a few kilobytes. */
export async function tinyData(folder: string): Promise<string> {
  const out = join(folder, "data");
  const text = Array.from({ length: 60 }, (_, day) => `Day ${day}: ${sentence}`).join("");
  const documents = [{ name: "days.txt", text }];
  await prepareDataset({ documents, source: "days.txt", tokenizer: { kind: "bytes" }, out });
  return out;
}

/** A run that holds a model, its dataset, and two checkpoints. */
export async function tinyRun(path: string, data: string, seed: number): Promise<void> {
  const { manifest } = await openDataset(data);
  const training = parseTraining({ objective: { kind: "elastic" }, steps: 4 }, spec);
  await using run = await createRun(path, {
    kind: "text",
    spec,
    training,
    tokenizer: bytesTokenizer(),
    data: { path: data, manifest },
  });
  const state = initialState(spec, seed);
  for (const step of [1, 2]) {
    await run.appendMetrics({ step, loss: 5 - step });
    await run.save({ ...state, step, weights: tinyWeights(seed + step) });
  }
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GyreProcess {
  readonly pid: number | undefined;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Called with all of stdout so far, whenever more of it comes. */
  onOutput(listener: (stdout: string) => void): void;
}

/** Starts the built command line as a process of its own. */
export function gyre(...words: readonly string[]): GyreProcess {
  const bin = fileURLToPath(new URL("../../packages/cli/bin/gyre.js", import.meta.url));
  const child = spawn(process.execPath, [bin, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let [stdout, stderr] = ["", ""];
  const listeners: ((stdout: string) => void)[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const listener of listeners) listener(stdout);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    pid: child.pid,
    ended,
    kill: (signal) => void child.kill(signal),
    onOutput: (listener) => void listeners.push(listener),
  };
}

/** Code, output and errors of a command that is to succeed; throws with what it said if it does not. */
export async function succeed(...words: readonly string[]): Promise<Ended> {
  const ended = await gyre(...words).ended;
  if (ended.code !== 0) throw new Error(`gyre ${words.join(" ")}: exit ${ended.code}\n${ended.stderr}`);
  return ended;
}

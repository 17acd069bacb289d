import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { openDataset } from "../../packages/gyre/src/data/shards.node.ts";
import { presets } from "../../packages/gyre/src/models/presets.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { train } from "../../packages/gyre/src/train/text.ts";
import type { BenchConfig } from "../configs.ts";

// dataset-steps.ts CONFIG DATASET THREADS: trains on a dataset, a number of steps for each line of stdin.

/** What steps took, what was fetched from the disk for them, and the process's memory at most. */
export interface DatasetSteps {
  readonly ms: readonly number[];
  readonly readKiB: number;
  readonly peakMiB: number;
}

const numberIn = (file: string, pattern: RegExp) =>
  Number(pattern.exec(readFileSync(`/proc/self/${file}`, "utf8"))?.[1] ?? Number.NaN);
const readKiB = () => numberIn("io", /^read_bytes: (\d+)/m) / 1024;
const peakMiB = () => numberIn("status", /^VmHWM:\s+(\d+)/m) / 1024;

const [config = "{}", folder = "", threads = "1"] = process.argv.slice(2);
const { shortLoops: _, batch, ...size } = JSON.parse(config) as BenchConfig;
const { train: data } = await openDataset(folder);
await using runtime = await openOnnxRuntime({ threads: Number(threads) });
const training = { steps: 1_000_000, batch, objective: { kind: "final" } } as const;
const events = train({ spec: presets.loopformer(size), training, runtime, data });

async function steps(count: number): Promise<DatasetSteps> {
  const before = readKiB();
  const ms: number[] = [];
  while (ms.length < count) {
    const { value } = await events.next();
    if (typeof value === "object" && "type" in value && value.type === "step") ms.push(value.elapsedMs);
  }
  return { ms, readKiB: readKiB() - before, peakMiB: peakMiB() };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "quit") break;
  process.stdout.write(`${JSON.stringify(await steps(Number(line)))}\n`);
}
process.stdin.destroy();

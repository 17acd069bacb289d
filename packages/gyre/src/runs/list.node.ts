import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { cannotRead } from "../checkpoint/errors.ts";
import { parameterCount } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import { GyreError } from "../util/errors.ts";
import { type RunKind, runKinds } from "./config.ts";
import { holderOf } from "./lock.node.ts";
import { type BestHeldOut, bestIn, lossIn, MetricsFile, spikesIn } from "./metrics.node.ts";
import { kindOf } from "./place.node.ts";
import { openRun } from "./run.node.ts";

/** What there is to say about a run without reading its weights. */
export interface RunSummary {
  readonly path: string;
  readonly kind: RunKind;
  readonly family: Spec["family"];
  readonly parameters: number;
  /** Core layers, and how often they run at full depth. */
  readonly layers: number;
  readonly loops: number;
  /** Optimizer steps done; 0 for an imported model. */
  readonly step: number;
  /** Steps that its training was asked for; undefined for an imported model. */
  readonly steps: number | undefined;
  /** The last part of the loss that evaluation measures, or the loss where it has no parts; undefined before step 1. */
  readonly loss: number | undefined;
  /** The best that was measured on held-out data at full depth; undefined where nothing was. */
  readonly heldOut: BestHeldOut | undefined;
  /** Steps whose loss or gradient norm jumped far above what was usual. */
  readonly spikes: readonly number[];
  /** When anything of it last changed, in milliseconds since 1970. */
  readonly changedAtMs: number;
  /** What it takes on disk. */
  readonly bytes: number;
  /** Whether a process is writing to it now. */
  readonly isHeld: boolean;
}

/** A folder that looks like a run and cannot be opened. */
export interface UnreadableRun {
  readonly path: string;
  readonly problem: string;
}

/** Folders below the given one that are searched; runs lie flat, and grouped at most. */
const DEEPEST = 4;

/**
 * The runs in a folder and in folders of it, by path; what looks like a run and is none comes with its problem. A run's own
 * folders are not searched, nor are hidden ones, nor what links lead to. Throws CHECKPOINT_READ where the folder cannot be read.
 *
 * @example
 * for (const run of await listRuns("runs")) console.log(run.path, "problem" in run ? run.problem : run.loss);
 */
export async function listRuns(folder: string): Promise<(RunSummary | UnreadableRun)[]> {
  await readdir(folder).catch((cause: unknown) => {
    throw cannotRead(folder, cause);
  });
  const found: (RunSummary | UnreadableRun)[] = [];
  for await (const path of runsIn(folder, DEEPEST)) found.push(await summaryOf(path));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function* runsIn(folder: string, depth: number): AsyncGenerator<string> {
  if ((await kindOf(folder)) === "run") {
    yield folder;
    return;
  }
  if (depth === 0) return;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries)
    if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      yield* runsIn(join(folder, entry.name), depth - 1);
}

async function summaryOf(path: string): Promise<RunSummary | UnreadableRun> {
  try {
    const { config } = await openRun(path, runKinds);
    const { records } = await new MetricsFile(path).read();
    const last = records.at(-1);
    const { bytes, changedAtMs } = await folderSize(path);
    const { spec } = config;
    return {
      path,
      kind: config.kind,
      family: spec.family,
      parameters: parameterCount(spec),
      layers: spec.layers.core,
      loops: spec.loops,
      step: last?.step ?? 0,
      steps: config.kind === "imported" ? undefined : config.training.steps,
      loss: lossIn(last),
      heldOut: bestIn(records),
      spikes: spikesIn(records).map(({ step }) => step),
      changedAtMs,
      bytes,
      isHeld: (await holderOf(path)) !== undefined,
    };
  } catch (error) {
    if (!(error instanceof GyreError)) throw error;
    return { path, problem: `${error.code}: ${error.detail.given}` };
  }
}

/** What the files of a folder take, and when the newest of them changed. */
export async function folderSize(
  folder: string,
): Promise<{ readonly bytes: number; readonly changedAtMs: number }> {
  let [bytes, changedAtMs] = [0, 0];
  for (const name of await readdir(folder, { recursive: true })) {
    const entry = await stat(join(folder, name)).catch(() => undefined);
    if (!entry?.isFile()) continue;
    bytes += entry.size;
    changedAtMs = Math.max(changedAtMs, entry.mtimeMs);
  }
  return { bytes, changedAtMs };
}

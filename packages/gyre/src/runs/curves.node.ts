import { basename, resolve } from "node:path";
import type { TrainingCurve } from "../report/curves.ts";
import { runKinds } from "./config.ts";
import { runNoMetrics } from "./errors.ts";
import { heldOutIn, lossIn, MetricsFile, samplesIn, spikesIn, type WrittenSamples } from "./metrics.node.ts";
import { openRun } from "./run.node.ts";

/** What a run wrote down while it trained: its curve, and samples. */
export interface RunCurve extends TrainingCurve {
  readonly samples: readonly (WrittenSamples & { readonly step: number })[];
}

/**
 * What runs wrote down while they trained, by the names of their folders, or their paths where two share one. Throws
 * RUN_NO_METRICS for a run without a step, CHECKPOINT_READ, and what `openRun` throws.
 *
 * @example
 * const charts = curveCharts(await readCurves(["runs/first"]));
 */
export async function readCurves(paths: readonly string[]): Promise<RunCurve[]> {
  const curves: RunCurve[] = [];
  for (const path of paths) {
    await openRun(path, runKinds);
    const { records } = await new MetricsFile(path).read();
    if (records.length === 0) throw runNoMetrics(path);
    const steps = records.map((record) => ({
      step: record.step,
      loss: lossIn(record),
      heldOut: heldOutIn(record),
    }));
    const samples = records.flatMap((record) => {
      const found = samplesIn(record);
      return found ? [{ step: record.step, ...found }] : [];
    });
    curves.push({ name: runName(path, paths), steps, spikes: spikesIn(records), samples });
  }
  return curves;
}

/** The name of a run's folder, or the whole path where two of the runs share it. */
export function runName(path: string, paths: readonly string[]): string {
  const name = (of: string) => basename(resolve(of));
  const isShared = paths.some((other) => other !== path && name(other) === name(path));
  return isShared ? path : name(path);
}

import {
  type ComparableReport,
  isComparable,
  mergeReports,
  modelsIn,
  protocolOf,
  type ReportedModel,
} from "../report/merge.ts";
import { runKinds } from "./config.ts";
import { runName } from "./curves.node.ts";
import { noCommonReport, runNoReport } from "./errors.ts";
import { MetricsFile } from "./metrics.node.ts";
import { reportsIn } from "./reports.node.ts";
import { openRun } from "./run.node.ts";

/** How a comparison is made, and who is told of what is odd. */
export interface CompareOptions {
  /** What made the comparison, for its provenance. */
  readonly command: string;
  /** Told of reports that cannot be read, and of models that were trained on since they were measured. */
  readonly onWarning?: (text: string) => void;
}

/** A measurement of one run, from a report in its folder or in that of a run beside it. */
interface Candidate extends ReportedModel {
  readonly createdAt: string;
}

/**
 * One report on runs that were measured before, each alone or together: the newest measurements that all have under one
 * protocol, on the same data. Nothing is measured. Throws RUN_NO_REPORT for a run without any, EVAL_COMPARE where they share no
 * protocol, and what `openRun` throws.
 *
 * @example
 * const report = await compareRuns(["runs/a", "runs/b"], { command: "compare" });
 * for (const [file, text] of reportFiles(report, "both")) console.log(file, text.length);
 */
export async function compareRuns(
  paths: readonly string[],
  { command, onWarning = () => undefined }: CompareOptions,
): Promise<ComparableReport> {
  const reports = new Map<string, ComparableReport[]>();
  for (const path of paths) {
    await openRun(path, runKinds);
    reports.set(path, (await reportsIn(path, onWarning)).filter(isComparable));
  }
  const found = paths.map((path) => {
    const candidates = candidatesFor(path, paths, reports);
    if (candidates.length === 0) throw runNoReport(path);
    return candidates;
  });
  const shared = newestShared(found);
  if (!shared) throw noCommonReport(paths);
  const chosen = shared.map((one, index) => ({ ...one, name: runName(paths[index] as string, paths) }));
  for (const [index, { model }] of chosen.entries()) {
    const path = paths[index] as string;
    const last = (await new MetricsFile(path).read()).records.at(-1)?.step;
    if (last !== undefined && model.step !== undefined && last > model.step)
      onWarning(`${path} was measured after ${model.step} steps, and has ${last} by now`);
  }
  return mergeReports(chosen, { command, createdAt: new Date().toISOString() });
}

/** Measurements of a run: in its own folder by its folder's name; beside other runs by a name that only it has. */
function candidatesFor(
  path: string,
  paths: readonly string[],
  reports: ReadonlyMap<string, readonly ComparableReport[]>,
): Candidate[] {
  const own = runName(path, [path]);
  const isUnique = runName(path, paths) === own;
  return [...reports].flatMap(([folder, all]) =>
    all
      .flatMap(modelsIn)
      .filter(({ model }) => model.name === path || (model.name === own && (folder === path || isUnique)))
      .map((one) => ({ ...one, createdAt: one.report.provenance.createdAt ?? "" })),
  );
}

/** The newest measurement of each run under the protocol that was used last, of those that all runs share. */
function newestShared(found: readonly (readonly Candidate[])[]): Candidate[] | undefined {
  const byAge = (a: Candidate, b: Candidate) => (a.createdAt < b.createdAt ? 1 : -1);
  for (const { report } of found.flat().sort(byAge)) {
    const protocol = protocolOf(report);
    const chosen = found.flatMap((candidates) => {
      const same = candidates.filter((one) => protocolOf(one.report) === protocol);
      return same.sort(byAge).slice(0, 1);
    });
    if (chosen.length === found.length) return chosen;
  }
  return undefined;
}

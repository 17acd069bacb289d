import { join } from "node:path";
import { compareRuns } from "gyre/node";
import { commandLine } from "../provenance.ts";
import { presentReport, requireOutput } from "../reports.ts";

export interface CompareFlags {
  /** Folder for the report; the first run's `reports` when left out. */
  readonly out?: string;
  /** What the report's files are called; by what was measured when left out. */
  readonly name?: string;
}

/** `gyre compare RUN...`: what gyre eval found of runs, in one figure and one table. */
export async function compareCommand(paths: readonly string[], { out, name }: CompareFlags): Promise<number> {
  const report = await compareRuns(paths, {
    command: commandLine(),
    onWarning: (text) => console.error(`warning: ${text}`),
  });
  await requireOutput(out);
  const folder = out ?? join(paths[0] ?? ".", "reports");
  await presentReport(report, { folder, ...(name === undefined ? {} : { name }) });
  return 0;
}

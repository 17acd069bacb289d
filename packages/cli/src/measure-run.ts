import { basename, join, resolve } from "node:path";
import type { Model, Report, ReportKind, ReportOf } from "gyre";
import { loadWeights, measuredModel, openOnnxRuntime, openRun, type Run } from "gyre/node";
import { StatusLine } from "./render/status-line.ts";
import { makeOutput, presentReport, provenanceNow } from "./reports.ts";

/** Options of every command that measures one run. */
export interface MeasureOptions {
  readonly threads?: number;
  readonly data?: string;
  /** Folder for the report; the run's `reports` when left out. */
  readonly out?: string;
  /** What the report's files are called; by what was measured when left out. */
  readonly name?: string;
}

/** What a command measures, and what it needs for that. */
interface Measurement<Kind extends ReportKind, Given> {
  /** Checks the run and opens what is read; before weights are loaded or anything is written. */
  readonly open: (run: Run) => Promise<Given>;
  readonly measure: (
    model: Model,
    given: Given,
    status: StatusLine,
  ) => Promise<Omit<ReportOf<Kind>, "version" | "kind" | "provenance" | "model">>;
  /** The dataset that was read. */
  readonly data: (given: Given) => Report["provenance"]["data"];
}

/** Measures one run, prints the report and writes its files. */
export async function measureRun<Kind extends "states" | "exits" | "drafts", Given>(
  path: string,
  kind: Kind,
  { threads, out, name }: MeasureOptions,
  { open, measure, data }: Measurement<Kind, Given>,
): Promise<{ run: Run; report: ReportOf<Kind> }> {
  const run = await openRun(path);
  const given = await open(run);
  const loaded = await loadWeights(run);
  await makeOutput(out);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime(threads === undefined ? {} : { threads });
  try {
    const measured = await measure(
      { spec: run.config.spec, weights: loaded.weights, runtime },
      given,
      status,
    );
    status.clear();
    const read = data(given);
    const report = {
      version: 2,
      kind,
      provenance: await provenanceNow({ runtime: runtime.name, ...(read ? { data: read } : {}) }),
      model: measuredModel(basename(resolve(path)), loaded),
      ...measured,
    } as unknown as ReportOf<Kind>;
    await presentReport(report, {
      folder: out ?? join(path, "reports"),
      ...(name === undefined ? {} : { name }),
    });
    return { run, report };
  } finally {
    status.clear();
  }
}

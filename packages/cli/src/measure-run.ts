import { basename, join, resolve } from "node:path";
import type { Model, Report, ReportKind, ReportOf } from "gyre";
import {
  type ConfigOf,
  type Device,
  type LoadedWeights,
  loadWeights,
  measuredModel,
  openOnnxRuntime,
  openRun,
  type Run,
  type RunKind,
} from "gyre/node";
import { StatusLine } from "./render/status-line.ts";
import { presentReport, provenanceNow, requireOutput } from "./reports.ts";

/** Options of every command that measures one run. */
export interface MeasureOptions {
  readonly device?: Device | undefined;
  readonly threads?: number;
  readonly data?: string;
  /** Folder for the report; the run's `reports` when left out. */
  readonly out?: string;
  /** What the report's files are called; by what was measured when left out. */
  readonly name?: string;
}

/** Kinds of runs whose model reads and writes text. */
export const ofText = ["text", "imported"] as const;

/** What is measured of one run, and what is needed for that. */
export interface Measurement<Kind extends ReportKind, Given, Of extends RunKind> {
  readonly kind: Kind;
  /** Runs that it is about. */
  readonly of: readonly Of[];
  /** Checks the run and opens what is read; before weights are loaded or anything is written. */
  readonly open: (run: Run<ConfigOf<Of>>) => Promise<Given>;
  readonly measure: (
    model: Model,
    given: Given,
    status: StatusLine,
  ) => Promise<Omit<ReportOf<Kind>, "version" | "kind" | "provenance" | "model">>;
  /** The data that was read. */
  readonly data: (given: Given) => Report["provenance"]["data"];
}

/** Kinds of reports on one run. */
export type OneModel = "states" | "exits" | "drafts" | "answer-exits";

/** A run's model, ready to be measured. */
export interface OpenModel {
  readonly path: string;
  readonly loaded: LoadedWeights;
  readonly model: Model;
  readonly status: StatusLine;
}

/** Measures one run, prints the report and writes its files. */
export async function measureRun<Kind extends OneModel, Given, Of extends RunKind>(
  path: string,
  { device = "cpu", threads, out, name }: MeasureOptions,
  measurement: Measurement<Kind, Given, Of>,
): Promise<{ run: Run<ConfigOf<Of>>; report: ReportOf<Kind> }> {
  const run = await openRun(path, measurement.of);
  const given = await measurement.open(run);
  const loaded = await loadWeights(run);
  await requireOutput(out);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime({ device, ...(threads === undefined ? {} : { threads }) });
  try {
    const model = { spec: run.config.spec, weights: loaded.weights, runtime };
    const report = await reportOn({ path, loaded, model, status }, measurement, given);
    status.clear();
    await presentReport(report, {
      folder: out ?? join(path, "reports"),
      ...(name === undefined ? {} : { name }),
    });
    return { run, report };
  } finally {
    status.clear();
  }
}

/** The report on what a measurement finds of an open model. */
export async function reportOn<Kind extends OneModel, Given, Of extends RunKind>(
  { path, loaded, model, status }: OpenModel,
  { kind, measure, data }: Measurement<Kind, Given, Of>,
  given: Given,
): Promise<ReportOf<Kind>> {
  const measured = await measure(model, given, status);
  const read = data(given);
  return {
    version: 2,
    kind,
    provenance: await provenanceNow({ runtime: model.runtime.name, ...(read ? { data: read } : {}) }),
    model: measuredModel(basename(resolve(path)), loaded),
    ...measured,
  } as unknown as ReportOf<Kind>;
}

import { reportEmpty } from "./errors.ts";
import type { Report, ReportOf } from "./report.ts";

/** Reports that say how good models are at each number of loops, and can be laid beside each other. */
export type ComparableReport = ReportOf<"budgets" | "answers">;

/** One model of a report. */
export interface ReportedModel {
  readonly report: ComparableReport;
  readonly model: ComparableReport["models"][number];
}

/** Whether models of a report can be compared with those of others. */
export const isComparable = (report: Report): report is ComparableReport =>
  report.kind === "budgets" || report.kind === "answers";

/** The models of a report, each with its report. */
export const modelsIn = (report: ComparableReport): ReportedModel[] =>
  report.models.map((model) => ({ report, model }));

/** What must be equal for two reports' models to be compared: the kind, the data and the protocol, as one text. */
export function protocolOf(report: ComparableReport): string {
  const { data } = report.provenance;
  if (report.kind === "budgets") return JSON.stringify(["budgets", data?.sha256 ?? data, report.protocol]);
  const { task, problems, difficulties, solvedAt, provenance } = report;
  return JSON.stringify(["answers", task, problems, difficulties, solvedAt, provenance.seeds]);
}

/**
 * One report on models of several reports of one protocol, under the names given. What made the reports (machines, runtimes,
 * commits) is listed where it differs; `command` made this one. Throws
 * EVAL_REPORT_EMPTY for none.
 */
export function mergeReports(
  chosen: readonly (ReportedModel & { readonly name: string })[],
  { command, createdAt }: { readonly command: string; readonly createdAt: string },
): ComparableReport {
  const [first, ...others] = chosen;
  if (!first) throw reportEmpty();
  const all = [first, ...others];
  const { commit, runtime, ...same } = first.report.provenance;
  const listed = (pick: (report: ComparableReport) => string | undefined) =>
    [...new Set(all.flatMap(({ report }) => pick(report)?.split("; ") ?? []))].join("; ");
  const commits = listed(({ provenance }) => provenance.commit);
  const runtimes = listed(({ provenance }) => provenance.runtime);
  const provenance = {
    ...same,
    command,
    createdAt,
    machine: listed((report) => report.provenance.machine),
    ...(commits === "" ? {} : { commit: commits }),
    ...(runtimes === "" ? {} : { runtime: runtimes }),
  };
  const models = all.map(({ model, name }) => ({ ...model, name }));
  // models of one protocol are of one kind, which the types do not know
  return { ...withoutClaims(first.report), provenance, models } as ComparableReport;
}

/** What was claimed was claimed of all models of a report, and not of those that are compared now. */
function withoutClaims(report: ComparableReport) {
  if (report.kind === "budgets") return report;
  const { claims: _, ...others } = report;
  return others;
}

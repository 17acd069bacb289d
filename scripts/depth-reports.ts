// `npm run recipes -- --depth` ends with this: the reports under docs/results/depth, and what they say of the claims, written into them.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type AnswerClaim, type ReportOf, readReport, reportFiles } from "gyre";
import { depthClaims, furtherClaims } from "./depth-claims.ts";
import { searchedClaims } from "./depth-searched.ts";
import type { Report } from "./depth-study.ts";

type ExitsReport = ReportOf<"answer-exits">;

const folder = fileURLToPath(new URL("../docs/results/depth", import.meta.url));

/** A report of that folder; undefined where it is not there. */
function reportIn<Kind extends "answers" | "answer-exits">(
  name: string,
  kind: Kind,
): ReportOf<Kind> | undefined {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return undefined;
  const report = readReport(JSON.parse(readFileSync(path, "utf8")), path);
  if (report.kind !== kind) throw new Error(`${path}: a report on ${report.kind}`);
  return report as ReportOf<Kind>;
}

/** What models answer, by the name of its report. */
export const depthReport = (name: string): Report | undefined => reportIn(name, "answers");

/** What exits cost each seed of LoopFormer. */
export const depthExits = (): ExitsReport[] =>
  ["exits", "exits-seed2", "exits-seed3"].flatMap((name) => reportIn(name, "answer-exits") ?? []);

/** The tasks beside state tracking, by the names of their reports. */
export const furtherTasks = ["prefix-sum", "sudoku", "reverse"];

function writeClaims(name: string, claimsOf: (report: Report) => AnswerClaim[]): void {
  const report = depthReport(name);
  if (!report) return;
  for (const [file, text] of reportFiles({ ...report, claims: claimsOf(report) }, name))
    writeFileSync(join(folder, file), text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeClaims("report", (report) => depthClaims(report, depthReport("trajectories"), depthExits()));
  writeClaims("searched", searchedClaims);
  for (const name of furtherTasks) writeClaims(name, furtherClaims);
}

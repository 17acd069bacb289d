import { join } from "node:path";
import { type FigureResult, type LabReport, labFigure, labMarkdown, numberText } from "gyre/lab";
import { writeFileAtomic } from "gyre/node";
import { commandLine, commitOfGyre, machineText } from "./provenance.ts";

/** Writes NAME.json, NAME.svg and NAME.md of what the laboratory measured, and returns the page's path. */
export async function saveLabReport(
  folder: string,
  name: string,
  seeds: readonly number[],
  result: FigureResult,
): Promise<string> {
  const commit = await commitOfGyre();
  const report: LabReport = {
    version: 1,
    figure: name,
    createdAt: new Date().toISOString(),
    command: commandLine(),
    ...(commit ? { commit } : {}),
    machine: machineText(),
    seeds,
    ...result,
  };
  await writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(report, null, 1)}\n`);
  await writeFileAtomic(join(folder, `${name}.svg`), labFigure(report));
  await writeFileAtomic(join(folder, `${name}.md`), labMarkdown(report));
  return join(folder, `${name}.md`);
}

/** A figure's title, its claims and its table, as lines for a terminal. */
export function labText({ title, claims, table }: FigureResult): string {
  const lines = claims.map(
    ({ text, measured, limit, holds }) =>
      `  ${holds ? "holds " : "FAILS "} ${text}: ${numberText(measured)} <= ${numberText(limit)}`,
  );
  const rows = table ? [table.head, ...table.rows] : [];
  const widths = (table?.head ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const cell = (text: string, at: number) =>
    at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  return [title, ...lines, ...rows.map((row) => `  ${row.map(cell).join("  ").trimEnd()}`)].join("\n");
}

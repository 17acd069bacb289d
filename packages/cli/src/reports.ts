import process from "node:process";
import { type Chart, type Panel, type Provenance, pageOf, type Report, tableText } from "gyre";
import { requireWritable, type SaveReportOptions, saveReport } from "gyre/node";
import pc from "picocolors";
import { badOutput } from "./errors.ts";
import { commandLine, commitOfGyre, machineText } from "./provenance.ts";
import { plotChart } from "./render/plot.ts";

/** What a command that measures knows of its own report. */
export async function provenanceNow(more: Partial<Provenance> = {}): Promise<Provenance> {
  const commit = await commitOfGyre();
  return {
    command: commandLine(),
    ...(commit === undefined ? {} : { commit }),
    createdAt: new Date().toISOString(),
    machine: machineText(),
    ...more,
  };
}

/** Checks that the folder of `--out` can be made or written to, before anything is measured; nothing is made yet. Throws EVAL_OUT. */
export async function requireOutput(folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  await requireWritable(folder).catch(({ cause }: Error) => {
    throw badOutput(folder, cause);
  });
}

/** More charts than these are left to the page. */
const mostPlots = 2;

/** Prints a report, writes its files and says which. */
export async function presentReport(report: Report, where: SaveReportOptions): Promise<void> {
  console.log(`${reportText(report)}\n`);
  for (const path of await saveReport(report, where)) console.log(path);
}

/** A report for a terminal: title, tables and plots. */
function reportText(report: Report): string {
  const { title, lead, tables, charts } = pageOf(report);
  const plots = charts.slice(0, mostPlots).map((chart) => {
    const heading = chart.title === title ? [] : [chart.title];
    return [...heading, chartText(chart)].join("\n");
  });
  return [[title, ...(lead === undefined ? [] : [lead])].join("\n"), ...tables.map(tableText), ...plots].join(
    "\n\n",
  );
}

/** A chart for this terminal. */
export function chartText(chart: Chart | Panel): string {
  const isColored = Boolean(process.stdout.isTTY) && pc.isColorSupported;
  return plotChart(chart, { width: Math.min(process.stdout.columns || 80, 100), isColored });
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { groupedText, type Report, reportFigure, reportMarkdown, reportTable } from "gyre";
import { evaluateRuns, type RunProgress, saveReport, writeFileAtomic } from "gyre/node";
import pc from "picocolors";
import { type BudgetOptions, budgetsFor } from "../budgets.ts";
import { badOutput } from "../errors.ts";
import { UsageError } from "../options.ts";
import { commandLine, commitOfGyre, machineText } from "../provenance.ts";
import { reportPlot } from "../render/plot.ts";
import { StatusLine } from "../render/status-line.ts";

export interface EvalOptions extends BudgetOptions {
  /** Questions to ask instead of validation text. */
  readonly tasks?: readonly string[];
  readonly limit?: number;
  readonly server?: string;
  readonly model?: string;
  readonly data?: string;
  readonly stride?: number;
  readonly maxTokens?: number;
  readonly batch?: number;
  /** Folder for the report; the first run's `reports` when left out. */
  readonly out?: string;
  readonly threads?: number;
}

/** Beyond this many budgets, a log in a pipe is thinned out. */
const keptLines = 32;

/** `gyre eval`: measures runs at each budget, prints the table and the plot, and writes the report. */
export async function evalCommand(paths: readonly string[], options: EvalOptions): Promise<number> {
  const { loops: _, trajectories = "uniform", out, tasks, limit, server, model, ...rest } = options;
  if (tasks) return (await import("./eval-tasks.ts")).evalTasksCommand(paths, { ...options, tasks });
  if (server !== undefined || model !== undefined) throw new UsageError("--server and --model need --tasks.");
  if (paths.length === 0) throw new UsageError("missing required argument 'runs'");
  if (limit !== undefined)
    throw new UsageError("--limit is about --tasks; validation text takes --max-tokens.");
  if (out !== undefined) await makeFolder(out);
  const status = new StatusLine();
  try {
    const report = await evaluateRuns(paths, {
      ...rest,
      budgets: (spec, isCompared) => budgetsFor(spec, options, isCompared),
      kind: trajectories === "uniform" ? "budget" : "trajectories",
      command: commandLine(),
      machine: machineText(),
      commit: await commitOfGyre(),
      onProgress: (progress) =>
        status.update(progressText(progress), progress.point !== undefined && progress.budgets <= keptLines),
      onWarning: (text) => status.print(`warning: ${text}`),
    });
    status.clear();
    print(report);
    for (const path of await save(report, paths[0] ?? ".", out)) console.log(path);
    return 0;
  } finally {
    status.clear();
  }
}

function progressText({ name, budget, budgets, tokens, totalTokens, point }: RunProgress): string {
  const place = `${name}  budget ${budget + 1} of ${budgets}`;
  return point
    ? `${place}  loops ${point.loops}  loss ${point.loss.toFixed(4)}  bits/byte ${point.bitsPerByte.toFixed(4)}`
    : `${place}  ${groupedText(tokens)} of ${groupedText(totalTokens)} tokens`;
}

function print(report: Report): void {
  const { dataset, tokens, context, stride } = report.provenance;
  const isColored = Boolean(process.stdout.isTTY) && pc.isColorSupported;
  const width = Math.min(process.stdout.columns || 80, 100);
  const text = [
    `${dataset}: validation split only, ${groupedText(tokens)} tokens in windows of ${context}, stride ${stride}`,
    "",
    reportTable(report),
    "",
    reportPlot(report, { width, isColored }),
    "",
  ];
  console.log(text.join("\n"));
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw badOutput(path, cause);
  });
}

async function save(report: Report, run: string, out: string | undefined): Promise<string[]> {
  const files = {
    "report.json": `${JSON.stringify(report, null, 2)}\n`,
    "report.svg": reportFigure(report),
    "report.md": reportMarkdown(report),
  };
  const paths: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    if (out !== undefined) await writeFileAtomic(join(out, name), text);
    paths.push(out === undefined ? await saveReport({ path: run }, name, text) : join(out, name));
  }
  return paths;
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CachePolicy,
  Decoder,
  type ExitSeries,
  type ExitsReport,
  exitStudy,
  exitsColumns,
  exitsFigure,
  exitsMarkdown,
  exitsRows,
} from "gyre";
import { loadWeights, openOnnxRuntime, openRun, openRunData, saveReport, writeFileAtomic } from "gyre/node";
import { badOutput } from "../errors.ts";
import { UsageError } from "../options.ts";
import { commandLine, commitOfGyre, machineText } from "../provenance.ts";
import { StatusLine } from "../render/status-line.ts";

export interface ExitsOptions {
  readonly maxTokens: number;
  readonly cachePolicy?: CachePolicy;
  readonly threads?: number;
  readonly data?: string;
  readonly out?: string;
}

/** `gyre exits`: reads the validation split under each exit rule, beside fixed depths and random exits. */
export async function exitsCommand(path: string, options: ExitsOptions): Promise<number> {
  const { maxTokens: tokens, cachePolicy = "recompute", threads, out } = options;
  const run = await openRun(path);
  const { spec } = run.config;
  if (spec.loops < 2)
    throw new UsageError(`${path} is a ${spec.family} of one loop: there is nothing to leave.`);
  const { validation, manifest } = await openRunData(run, options.data);
  const { weights } = await loadWeights(run);
  if (out !== undefined)
    await mkdir(out, { recursive: true }).catch((cause: unknown) => {
      throw badOutput(out, cause);
    });
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime(threads === undefined ? {} : { threads });
  await using decoder = new Decoder({ spec, weights, runtime });
  try {
    const series: ExitSeries[] = [];
    const study = { split: validation, tokens, cachePolicy };
    status.update("fixed depths", false);
    for await (const one of exitStudy(decoder, study)) {
      series.push(one);
      status.update(`${one.name}: ${one.points.map(({ loss }) => loss.toFixed(3)).join(" ")}`, true);
    }
    status.clear();
    const report: ExitsReport = {
      version: 1,
      kind: "exits",
      createdAt: new Date().toISOString(),
      command: commandLine(),
      model: run.path.split(/[\\/]/).at(-1) ?? path,
      commit: await commitOfGyre(),
      machine: machineText(),
      dataset: manifest.source,
      cachePolicy,
      tokens: series[0]?.points[0]?.tokens ?? 0,
      series,
    };
    print(report);
    for (const [name, text] of Object.entries(filesOf(report)))
      console.log(out === undefined ? await saveReport(run, name, text) : await saved(out, name, text));
    return 0;
  } finally {
    status.clear();
  }
}

function filesOf(report: ExitsReport): Readonly<Record<string, string>> {
  return {
    "exits.json": `${JSON.stringify(report, null, 2)}\n`,
    "exits.svg": exitsFigure(report),
    "exits.md": exitsMarkdown(report),
  };
}

async function saved(folder: string, name: string, text: string): Promise<string> {
  await writeFileAtomic(join(folder, name), text);
  return join(folder, name);
}

function print(report: ExitsReport): void {
  const rows = [[...exitsColumns], ...exitsRows(report)];
  const widths = exitsColumns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  for (const row of rows)
    console.log(
      row
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
        .join("  "),
    );
}

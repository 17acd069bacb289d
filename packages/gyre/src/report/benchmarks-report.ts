import { escapeMarkdown } from "./markdown.ts";
import { groupedText, milliseconds } from "./numbers.ts";

/** One metric of one benchmark at one budget. */
export interface BenchmarkEntry {
  readonly benchmark: string;
  readonly metric: string;
  readonly value: number;
  readonly stderr?: number;
  /** Questions of whose context the beginning was left out. */
  readonly cut: number;
}

/** An accuracy over all benchmarks that have it. */
export interface BenchmarkMean {
  readonly metric: string;
  readonly value: number;
  /** Of independent benchmarks. */
  readonly stderr?: number;
  readonly benchmarks: number;
}

/** All benchmarks at one budget. */
export interface BenchmarkPoint {
  /** Left out where a server does not say. */
  readonly loops?: number;
  /** How the budget is called: its number of loops, its step sizes, or "as served". */
  readonly budget: string;
  readonly elapsedMs: number;
  readonly entries: readonly BenchmarkEntry[];
  readonly means: readonly BenchmarkMean[];
}

export interface BenchmarkModel {
  readonly name: string;
  /** Where it comes from: family, size and training, or the server's address. */
  readonly source: string;
  readonly points: readonly BenchmarkPoint[];
}

/** What models score on benchmarks at each budget, and where the numbers come from. */
export interface BenchmarksReport {
  readonly version: 1;
  readonly kind: "benchmarks";
  readonly createdAt: string;
  readonly command: string;
  readonly commit?: string;
  readonly machine: string;
  readonly runtime: string;
  readonly benchmarks: readonly {
    readonly name: string;
    readonly kind: string;
    readonly file: string;
    readonly questions: number;
  }[];
  readonly models: readonly BenchmarkModel[];
}

const averaged: readonly string[] = ["acc", "acc_norm", "exact_match"];

/** The mean of each accuracy over the benchmarks that have it, where at least two do. */
export function benchmarkMeans(entries: readonly BenchmarkEntry[]): BenchmarkMean[] {
  return averaged.flatMap((metric) => {
    const of = entries.filter((entry) => entry.metric === metric);
    if (of.length < 2) return [];
    const value = of.reduce((sum, entry) => sum + entry.value, 0) / of.length;
    const squares = of.reduce((sum, { stderr = Number.NaN }) => sum + stderr ** 2, 0);
    const stderr = Math.sqrt(squares) / of.length;
    return [{ metric, value, ...(Number.isNaN(stderr) ? {} : { stderr }), benchmarks: of.length }];
  });
}

/** A table of benchmarks by budgets, as rows of cells; the first is the titles. */
function tableRows({ points }: BenchmarkModel): string[][] {
  const [first] = points;
  const body = (first?.entries ?? []).map(({ benchmark, metric }, index) => [
    benchmark,
    metric,
    ...points.map(({ entries }) => valueText(entries[index] as BenchmarkEntry)),
  ]);
  const means = (first?.means ?? []).map(({ metric, benchmarks }, index) => [
    `mean of ${benchmarks}`,
    metric,
    ...points.map((point) => valueText(point.means[index] as BenchmarkMean)),
  ]);
  const time = ["time", "", ...points.map(({ elapsedMs }) => milliseconds(elapsedMs))];
  return [["task", "metric", ...points.map(titleOf)], ...body, ...means, time];
}

const titleOf = ({ loops, budget }: BenchmarkPoint): string =>
  budget === String(loops) ? `${loops} loop${loops === 1 ? "" : "s"}` : budget;

/** Four significant digits at least, and the standard error where it is known. */
function valueText({ value, stderr }: { readonly value: number; readonly stderr?: number }): string {
  const text = value < 1000 ? value.toFixed(4) : value.toPrecision(5);
  return stderr === undefined
    ? text
    : `${text} ± ${stderr < 1000 ? stderr.toFixed(4) : stderr.toPrecision(5)}`;
}

/** The tables of a report as aligned text, one for each model. */
export function benchmarksTable({ models }: BenchmarksReport): string {
  return models
    .map((model) => {
      const rows = tableRows(model);
      const widths = (rows[0] as string[]).map((_, at) =>
        Math.max(...rows.map((row) => (row[at] ?? "").length)),
      );
      const line = (cells: readonly string[]) =>
        cells
          .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
          .join("  ")
          .trimEnd();
      const rule = widths.map((width) => "-".repeat(width)).join("  ");
      const [titles = [], ...body] = rows;
      return [...(models.length > 1 ? [model.name] : []), line(titles), rule, ...body.map(line)].join("\n");
    })
    .join("\n\n");
}

/** The report as Markdown: a table for each model, and where the numbers come from. */
export function benchmarksMarkdown(report: BenchmarksReport): string {
  const { models, benchmarks, command, commit, machine, runtime, createdAt } = report;
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
  const tables = models.map((model) => {
    const [titles = [], ...body] = tableRows(model);
    const rule = `| ${titles.map((_, at) => (at < 2 ? "---" : "---:")).join(" | ")} |`;
    return [`## ${escapeMarkdown(model.name)}`, [line(titles), rule, ...body.map(line)].join("\n")].join(
      "\n\n",
    );
  });
  const cuts = models.flatMap(({ name, points }) => {
    const entries = points[0]?.entries ?? [];
    const cut = new Map(
      entries.filter((entry) => entry.cut > 0).map((entry) => [entry.benchmark, entry.cut]),
    );
    return [...cut].map(([benchmark, count]) => {
      return `- ${escapeMarkdown(name)}: ${groupedText(count)} contexts of ${escapeMarkdown(benchmark)} did not fit and lost their beginning`;
    });
  });
  const provenance = [
    `- command: \`${command}\``,
    `- commit: ${commit ? `\`${commit}\`` : "unknown"}`,
    `- date: ${createdAt}`,
    `- machine: ${escapeMarkdown(machine)}`,
    `- runtime: ${escapeMarkdown(runtime)}`,
    ...models.map(({ name, source }) => `- ${escapeMarkdown(name)}: ${escapeMarkdown(source)}`),
    ...benchmarks.map(({ name, kind, file, questions }) => {
      return `- ${escapeMarkdown(name)}: ${groupedText(questions)} questions (${kind}) of ${escapeMarkdown(file)}`;
    }),
    ...cuts,
  ];
  return `${[
    `# ${models.map(({ name }) => escapeMarkdown(name)).join(", ")}: tasks at every budget`,
    ...tables,
    "Values with their standard errors. `acc`: the most likely choice is the right one; `acc_norm`: by " +
      "log-probability per character; `time`: all questions at that budget.",
    "## Where the numbers come from",
    provenance.join("\n"),
  ].join("\n\n")}\n`;
}

import type { Chart } from "./chart.ts";
import { counted, groupedText, milliseconds } from "./numbers.ts";
import type { Page, Source } from "./page.ts";
import type { BenchmarkEntry, BenchmarkMean, BenchmarkModel, BenchmarkPoint, ReportOf } from "./report.ts";
import { type Table, textTable } from "./table.ts";

/** The page of benchmarks: a table of scores by budgets for each model, and accuracy against loops. */
export function benchmarksPage({ benchmarks, models }: ReportOf<"benchmarks">): Page {
  return {
    title: `${models.map(({ name }) => name).join(", ")}: tasks at every budget`,
    charts: models.flatMap(accuracyChart),
    tables: models.map((model) => scoreTable(model, models.length > 1)),
    notes: [
      "Values with their standard errors. `acc`: the most likely choice is the right one; `acc_norm`: by " +
        "log-probability per character; `time`: all questions at that budget.",
    ],
    sources: [
      ...models.map(({ name, source }) => ({ name, text: source })),
      ...benchmarks.map(({ name, kind, file, questions }) => {
        return { name, text: `${groupedText(questions)} questions (${kind}) of ${file}` };
      }),
      ...models.flatMap(cutSources),
    ],
  };
}

/** Metrics that are shares of questions. */
const accuracies: readonly string[] = ["acc", "exact_match"];

/** Accuracy on each benchmark against loops; nothing for one budget, for budgets of unknown loops or without accuracies. */
function accuracyChart({ name, source, points }: BenchmarkModel): Chart[] {
  const entries = (points[0]?.entries ?? []).filter(({ metric }) => accuracies.includes(metric));
  const counts = new Set(points.map(({ loops }) => loops));
  if (counts.size < 2 || counts.size < points.length || entries.length === 0) return [];
  const series = entries.map(({ benchmark, metric }) => ({
    name: benchmark,
    spread: "bars" as const,
    points: points.flatMap(({ loops: x, entries: all }) => {
      const found = all.find((entry) => entry.benchmark === benchmark && entry.metric === metric);
      return found && x !== undefined ? [{ x, ...scored(found) }] : [];
    }),
  }));
  const y = { title: "accuracy (higher is better)", kind: "linear" as const };
  return [{ title: `${name}: accuracy at every budget`, subtitle: source, x: { title: "loops" }, y, series }];
}

const scored = ({ value: y, stderr }: BenchmarkEntry) =>
  stderr === undefined ? { y } : { y, low: y - stderr, high: y + stderr };

function scoreTable({ name, points }: BenchmarkModel, isNamed: boolean): Table {
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
  const table = textTable(["task", "metric", ...points.map(titleOf)], [...body, ...means, time], [0, 1]);
  return isNamed ? { title: name, ...table } : table;
}

const titleOf = ({ loops, budget }: BenchmarkPoint): string =>
  loops !== undefined && budget === String(loops) ? counted(loops, "loop") : budget;

/** Four significant digits at least, and the standard error where it is known. */
function valueText({
  value,
  stderr,
}: {
  readonly value: number;
  readonly stderr?: number | undefined;
}): string {
  const text = (number: number) => (value < 1000 ? number.toFixed(4) : number.toPrecision(5));
  return stderr === undefined ? text(value) : `${text(value)} ± ${text(stderr)}`;
}

/** Questions that a model's context was too short for. */
function cutSources({ name, points }: BenchmarkModel): Source[] {
  const entries = (points[0]?.entries ?? []).filter(({ cut }) => cut > 0);
  const cuts = new Map(entries.map(({ benchmark, cut }) => [benchmark, cut]));
  return [...cuts].map(([benchmark, cut]) => ({
    name,
    text: `${groupedText(cut)} contexts of ${benchmark} did not fit and lost their beginning`,
  }));
}

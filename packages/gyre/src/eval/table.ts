import { milliseconds, siText } from "./numbers.ts";
import { isUniform, type Measurement, measurements, type Report, trajectoryText } from "./report.ts";

/** One column of a report's table; `best` is what the smallest value is sought among. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  readonly text: (row: Measurement) => string;
  readonly best?: (row: Measurement) => number;
}

export interface Cell {
  readonly text: string;
  readonly isBest: boolean;
}

/** A report's table before it is written as text or Markdown; a row is undefined where rows were left out. */
export interface TableContent {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[] | undefined)[];
}

const shownTrajectories = 5;

const column = (
  title: string,
  align: Column["align"],
  text: Column["text"],
  best?: Column["best"],
): Column => ({
  title,
  align,
  text,
  ...(best ? { best } : {}),
});
const modelColumn = column("model", "left", ({ model }) => model.name);
const loopsColumn = column("loops", "right", ({ point }) => String(point.loops));
const qualityColumns = [
  column("loss", "right", lossText, ({ point }) => point.loss),
  column(
    "perplexity",
    "right",
    ({ point }) => point.perplexity.toFixed(2),
    ({ point }) => point.perplexity,
  ),
  column(
    "bits/byte",
    "right",
    ({ point }) => point.bitsPerByte.toFixed(4),
    ({ point }) => point.bitsPerByte,
  ),
];
const costColumns = [
  column("FLOPs/token", "right", ({ point }) => siText(point.flopsPerToken)),
  column("time", "right", ({ point }) => milliseconds(point.elapsedMs)),
];
const trajectoryColumns = [
  column("trajectory", "left", ({ model, point }) => trajectoryText(point.trajectory, model.trainedLoops)),
  column("", "left", ({ point }) => (isUniform(point.trajectory) ? "uniform" : "")),
];

/**
 * The rows of a report: budgets in their order, or trajectories by loss, of which only the ends and the uniform
 * one are kept when there are many. Throws EVAL_REPORT_EMPTY for a report without points.
 */
export function tableContent(report: Report): TableContent {
  const all = measurements(report);
  const isBudget = report.kind === "budget";
  const columns = [
    ...(report.models.length > 1 ? [modelColumn] : []),
    ...(isBudget ? [loopsColumn, ...costColumns.slice(0, 1)] : trajectoryColumns),
    ...qualityColumns,
    ...costColumns.slice(isBudget ? 1 : 0),
  ];
  const least = columns.map(({ best }) => (best ? Math.min(...all.map(best)) : Number.NaN));
  const rows = isBudget
    ? all
    : report.models.flatMap((model) => shortened(all.filter((row) => row.model === model)));
  const cells = (row: Measurement) =>
    columns.map(({ text, best }, index) => ({ text: text(row), isBest: best?.(row) === least[index] }));
  return { columns, rows: rows.map((row) => row && cells(row)) };
}

/** The report as an aligned text table; `*` follows the best value of a column. */
export function reportTable(report: Report): string {
  const { columns, rows } = tableContent(report);
  const texts = rows.map((row) =>
    columns.map(({ best }, index) => {
      const cell = row?.[index];
      return cell ? `${cell.text}${cell.isBest ? "*" : best ? " " : ""}` : "...";
    }),
  );
  const titles = columns.map(({ title, best }) => (best ? `${title} ` : title));
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...texts.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === "left" ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [line(titles), rule, ...texts.map(line), "", "* best in its column"].join("\n");
}

function lossText({ point: { loss, stderr } }: Measurement): string {
  return stderr === undefined ? loss.toFixed(4) : `${loss.toFixed(4)} ± ${stderr.toFixed(4)}`;
}

function shortened(rows: readonly Measurement[]): (Measurement | undefined)[] {
  const sorted = rows.toSorted((a, b) => a.point.loss - b.point.loss);
  if (sorted.length <= 2 * shownTrajectories + 1) return sorted;
  const kept = (row: Measurement, rank: number) =>
    rank < shownTrajectories || rank >= sorted.length - shownTrajectories || isUniform(row.point.trajectory);
  const shown = sorted.map((row, rank) => (kept(row, rank) ? row : undefined));
  return shown.filter((row, index) => row !== undefined || shown[index - 1] !== undefined);
}

import { milliseconds, siText } from "./numbers.ts";
import { isUniform, type Measurement, measurements, type Report, trajectoryText } from "./report.ts";
import { type Spread, spreads, statistics } from "./spread.ts";

/** One column of a report's table; `best` is what the smallest value is sought among. */
interface Column<Row> {
  readonly title: string;
  readonly align: "left" | "right";
  readonly text: (row: Row) => string;
  readonly best?: (row: Row) => number;
}

interface Heading {
  readonly title: string;
  readonly align: "left" | "right";
  /** Whether the best value of the column is marked. */
  readonly isCompared: boolean;
}

interface Cell {
  readonly text: string;
  readonly isBest: boolean;
}

/** A table before it is written as text or Markdown; a row is undefined where rows were left out. */
export interface TableContent {
  readonly columns: readonly Heading[];
  readonly rows: readonly (readonly Cell[] | undefined)[];
}

/** A row of the table of spreads; a median or mean has no trajectory. */
interface SpreadRow extends Pick<Spread, "model" | "loops"> {
  readonly what: string;
  readonly loss: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
  readonly trajectory?: readonly number[];
}

const shownTrajectories = 5;

const pointColumns = {
  model: column<Measurement>("model", "left", ({ model }) => model.name),
  loops: column<Measurement>("loops", "right", ({ point }) => String(point.loops)),
  flops: column<Measurement>("FLOPs/token", "right", ({ point }) => siText(point.flopsPerToken)),
  loss: column<Measurement>("loss", "right", lossText, ({ point }) => point.loss),
  perplexity: column<Measurement>(
    "perplexity",
    "right",
    ({ point }) => point.perplexity.toFixed(2),
    ({ point }) => point.perplexity,
  ),
  bits: column<Measurement>(
    "bits/byte",
    "right",
    ({ point }) => point.bitsPerByte.toFixed(4),
    ({ point }) => point.bitsPerByte,
  ),
  time: column<Measurement>("time", "right", ({ point }) => milliseconds(point.elapsedMs)),
  trajectory: column<Measurement>("trajectory", "left", ({ model, point: { trajectory } }) =>
    isUniform(trajectory) ? `uniform 1/${trajectory.length}` : trajectoryText(trajectory, model.trainedLoops),
  ),
};

const spreadColumns = {
  model: column<SpreadRow>("model", "left", ({ model }) => model.name),
  loops: column<SpreadRow>("loops", "right", ({ loops }) => String(loops)),
  what: column<SpreadRow>("schedule", "left", ({ what }) => what),
  loss: column<SpreadRow>("loss", "right", ({ loss }) => loss.toFixed(4)),
  perplexity: column<SpreadRow>("perplexity", "right", ({ perplexity }) => perplexity.toFixed(2)),
  bits: column<SpreadRow>("bits/byte", "right", ({ bitsPerByte }) => bitsPerByte.toFixed(4)),
  trajectory: column<SpreadRow>("trajectory", "left", ({ model, trajectory }) =>
    trajectory ? trajectoryText(trajectory, model.trainedLoops) : "",
  ),
};

/**
 * The measured points of a report: budgets in their order, or the trajectories of each number of loops by loss, of
 * which only the ends and the uniform one are kept when there are many. Throws EVAL_REPORT_EMPTY.
 */
export function tableContent(report: Report): TableContent {
  const all = measurements(report);
  const { model, loops, flops, loss, perplexity, bits, time, trajectory } = pointColumns;
  const named = report.models.length > 1 ? [model] : [];
  const columns = [...named, loops, flops, loss, perplexity, bits, time, trajectory];
  const rows =
    report.kind === "budget"
      ? all
      : spreads(report).flatMap(({ model, loops }) =>
          shortened(all.filter((row) => row.model === model && row.point.loops === loops)),
        );
  return fill(columns, rows, all);
}

/**
 * For a report of trajectories: best, median, mean and worst of each number of loops, and where the uniform
 * trajectory lies. Throws EVAL_REPORT_EMPTY.
 */
export function spreadContent(report: Report): TableContent {
  measurements(report);
  const { model, loops, what, loss, perplexity, bits, trajectory } = spreadColumns;
  const named = report.models.length > 1 ? [model] : [];
  const rows = spreads(report).flatMap(spreadRows);
  return fill([...named, loops, what, loss, perplexity, bits, trajectory], rows, rows);
}

/** The tables of a report as aligned text; `*` follows the best value of a column. */
export function reportTable(report: Report): string {
  const points = [...textLines(tableContent(report)), "", "* best in its column"];
  const spread = report.kind === "trajectories" ? [...textLines(spreadContent(report)), ""] : [];
  return [...spread, ...points].join("\n");
}

function column<Row>(
  title: string,
  align: Heading["align"],
  text: Column<Row>["text"],
  best?: Column<Row>["best"],
): Column<Row> {
  return { title, align, text, ...(best ? { best } : {}) };
}

function fill<Row>(
  columns: readonly Column<Row>[],
  rows: readonly (Row | undefined)[],
  compared: readonly Row[],
): TableContent {
  const least = columns.map(({ best }) => (best ? Math.min(...compared.map(best)) : Number.NaN));
  const cells = (row: Row) =>
    columns.map(({ text, best }, index) => ({ text: text(row), isBest: best?.(row) === least[index] }));
  return {
    columns: columns.map(({ title, align, best }) => ({ title, align, isCompared: best !== undefined })),
    rows: rows.map((row) => row && cells(row)),
  };
}

function spreadRows(spread: Spread): SpreadRow[] {
  const { model, loops, points, best, worst, uniform, betterThanUniform } = spread;
  const [loss, perplexity, bitsPerByte] = (["loss", "perplexity", "bitsPerByte"] as const).map((metric) =>
    statistics(spread, metric),
  ) as [Statistic, Statistic, Statistic];
  const middle = (what: "median" | "mean"): SpreadRow => ({
    model,
    loops,
    what,
    loss: loss[what],
    perplexity: perplexity[what],
    bitsPerByte: bitsPerByte[what],
  });
  const place = `uniform (${betterThanUniform} of ${points.length} are better)`;
  return [
    { model, ...best, what: `best of ${points.length}` },
    ...(points.length > 2 ? [middle("median"), middle("mean")] : []),
    ...(points.length > 1 ? [{ model, ...worst, what: "worst" }] : []),
    ...(uniform && points.length > 1 ? [{ model, ...uniform, what: place }] : []),
  ];
}

type Statistic = ReturnType<typeof statistics>;

function textLines({ columns, rows }: TableContent): string[] {
  const texts = rows.map((row) =>
    columns.map(({ isCompared }, index) => {
      const cell = row?.[index];
      return cell ? `${cell.text}${cell.isBest ? "*" : isCompared ? " " : ""}` : "...";
    }),
  );
  const titles = columns.map(({ title, isCompared }) => (isCompared ? `${title} ` : title));
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
  return [line(titles), widths.map((width) => "-".repeat(width)).join("  "), ...texts.map(line)];
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

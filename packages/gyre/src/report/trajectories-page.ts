import {
  bitsAxis,
  bitsOf,
  columnsNote,
  namesOf,
  pointsTable,
  protocolText,
  qualitySources,
  subjectOf,
} from "./budgets-page.ts";
import type { Chart, Series } from "./chart.ts";
import { counted, siText } from "./numbers.ts";
import type { Page } from "./page.ts";
import { type BudgetPoint, type Measurement, measurements, type QualityReport } from "./report.ts";
import { type Spread, spreads, statistics } from "./spread.ts";
import { type Column, type Table, tableOf } from "./table.ts";
import { isUniform, trajectoryText } from "./trajectory.ts";

/** The page of models along trajectories: the spread of quality at each number of loops. Throws EVAL_REPORT_EMPTY. */
export function trajectoriesPage(report: QualityReport): Page {
  const all = measurements(report);
  const rows = spreads(report).flatMap(({ model, loops }) =>
    shortened(all.filter((row) => row.model === model && row.point.loops === loops)),
  );
  return {
    title: `${namesOf(report)}: quality along trajectories`,
    lead: protocolText(report),
    charts: [trajectoriesChart(report)],
    tables: [spreadTable(report), pointsTable(report, rows)],
    notes: [columnsNote],
    sources: qualitySources(report),
  };
}

/** How much of the place between two numbers of loops a column of trajectories takes. */
const COLUMN = 0.84;

/**
 * The spread of quality over trajectories (LoopFormer, Figure 6): a column for each number of loops, in which each
 * trajectory is a dot, best to worst; the best and the uniform one are named, the median is dashed.
 */
function trajectoriesChart(report: QualityReport): Chart {
  const all = spreads(report);
  const columns = [...new Set(all.map(({ loops }) => loops))].sort((a, b) => a - b);
  const models = report.models.filter(({ points }) => points.length > 0);
  const series = all.flatMap((spread) => {
    const isFirst = all.find(({ model }) => model === spread.model) === spread;
    return seriesOf(spread, columns.indexOf(spread.loops), models.indexOf(spread.model), !isFirst);
  });
  return {
    title: `${subjectOf(report)} of every trajectory`,
    subtitle: protocolText(report),
    x: {
      title: "loops · number of trajectories",
      kind: "linear",
      ticks: columns.map((loops, at) => {
        const counts = new Set(all.filter((one) => one.loops === loops).map(({ points }) => points.length));
        return { at, text: `${counted(loops, "loop")} · ${[...counts].join(" or ")}` };
      }),
    },
    y: { ...bitsAxis, kind: "linear" },
    series,
    notes: ["dots: trajectories, best to worst", "dashed: median", "ringed: the uniform trajectory"],
  };
}

function seriesOf(spread: Spread, column: number, group: number, isUnnamed: boolean): Series[] {
  const { model, points, best, uniform, betterThanUniform } = spread;
  const sorted = points.toSorted((a, b) => a.bitsPerByte - b.bitsPerByte);
  const xAt = (rank: number) => column - COLUMN / 2 + ((rank + 0.5) / sorted.length) * COLUMN;
  const bestText = `best ${trajectoryText(best.trajectory, model.trainedLoops)}`;
  const isAlone = points.length === 1;
  const labelOf = (point: BudgetPoint) => {
    const isBest = point === best && !isAlone;
    if (point === uniform) return { label: isBest ? `uniform, ${bestText}` : "uniform" };
    return isBest ? { label: bestText } : {};
  };
  const place = (point: BudgetPoint, rank: number) => ({ x: xAt(rank), ...bitsOf(point), ...labelOf(point) });
  const dots = sorted.map(place).filter((_, rank) => sorted[rank] !== uniform);
  const rank = uniform && sorted.includes(uniform) ? sorted.indexOf(uniform) : betterThanUniform - 0.5;
  const y = statistics(spread, "bitsPerByte").median;
  const common = {
    name: model.name,
    detail: `${siText(model.parameters)} parameters`,
    group,
    spread: "bars",
  } as const;
  const own: Series[] = [
    { ...common, line: "none", markers: "dots", points: dots },
    { ...common, line: "none", points: uniform ? [{ ...place(uniform, rank), isHollow: true }] : [] },
    {
      ...common,
      line: "dashed",
      markers: "none",
      points: isAlone ? [] : [xAt(0), xAt(sorted.length - 1)].map((x) => ({ x, y })),
    },
  ];
  const drawn = own.filter((one) => one.points.length > 0);
  return drawn.map((one, index) => ({ ...one, isUnnamed: isUnnamed || index > 0 }));
}

/** A row of the table of spreads; a median or mean has no trajectory. */
interface SpreadRow extends Pick<Spread, "model" | "loops"> {
  readonly which: string;
  readonly loss: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
  readonly trajectory?: readonly number[];
}

const spreadColumns = {
  model: { title: "model", align: "left", text: ({ model }) => model.name },
  loops: { title: "loops", text: ({ loops }) => String(loops) },
  which: { title: "which", align: "left", text: ({ which }) => which },
  loss: { title: "loss", text: ({ loss }) => loss.toFixed(4) },
  perplexity: { title: "perplexity", text: ({ perplexity }) => perplexity.toFixed(2) },
  bits: { title: "bits/byte", text: ({ bitsPerByte }) => bitsPerByte.toFixed(4) },
  trajectory: {
    title: "trajectory",
    align: "left",
    text: ({ model, trajectory }) => (trajectory ? trajectoryText(trajectory, model.trainedLoops) : ""),
  },
} satisfies Record<string, Column<SpreadRow>>;

/** Best, median, mean and worst of each number of loops, and where the uniform trajectory lies. */
function spreadTable(report: QualityReport): Table {
  const { model, ...others } = spreadColumns;
  const columns = [...(report.models.length > 1 ? [model] : []), ...Object.values(others)];
  return tableOf<SpreadRow>(columns, spreads(report).flatMap(spreadRows));
}

function spreadRows(spread: Spread): SpreadRow[] {
  const { model, loops, points, best, worst, uniform, betterThanUniform } = spread;
  const middle = (which: "median" | "mean"): SpreadRow => ({
    model,
    loops,
    which,
    loss: statistics(spread, "loss")[which],
    perplexity: statistics(spread, "perplexity")[which],
    bitsPerByte: statistics(spread, "bitsPerByte")[which],
  });
  const place = `uniform (${betterThanUniform} of ${points.length} are better)`;
  return [
    { model, ...best, which: `best of ${points.length}` },
    ...(points.length > 2 ? [middle("median"), middle("mean")] : []),
    ...(points.length > 1 ? [{ model, ...worst, which: "worst" }] : []),
    ...(uniform && points.length > 1 ? [{ model, ...uniform, which: place }] : []),
  ];
}

const shownTrajectories = 5;

/** Trajectories by loss, of which only the ends and the uniform one are kept when there are many. */
function shortened(rows: readonly Measurement[]): (Measurement | undefined)[] {
  const sorted = rows.toSorted((a, b) => a.point.loss - b.point.loss);
  if (sorted.length <= 2 * shownTrajectories + 1) return sorted;
  const isKept = (row: Measurement, rank: number) =>
    rank < shownTrajectories || rank >= sorted.length - shownTrajectories || isUniform(row.point.trajectory);
  const shown = sorted.map((row, rank) => (isKept(row, rank) ? row : undefined));
  return shown.filter((row, index) => row !== undefined || shown[index - 1] !== undefined);
}

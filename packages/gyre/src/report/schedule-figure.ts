import { budgetFigure } from "./budget-figure.ts";
import { frame } from "./chart.ts";
import { reportKind } from "./errors.ts";
import { placeLabels } from "./labels.ts";
import {
  type BudgetPoint,
  isUniform,
  type Metric,
  measurements,
  type Report,
  trajectoryText,
} from "./report.ts";
import { type FigureOptions, legendOf, reportChart, subjectOf } from "./report-chart.ts";
import { type Scale, scaleFor } from "./scale.ts";
import { type Spread, spreads, statistics } from "./spread.ts";
import { element, type SeriesStyle, seriesStyle, svgMarker, svgText } from "./svg.ts";

interface Dot {
  readonly point: BudgetPoint;
  readonly x: number;
  readonly y: number;
}

/** The schedules of one model with one number of loops, best to worst from left to right. */
interface Strip {
  readonly spread: Spread;
  readonly style: SeriesStyle;
  readonly dots: readonly Dot[];
  readonly uniform: Dot | undefined;
  readonly medianY: number;
}

const gap = 24;

/** The figure that belongs to a report: `budgetFigure` or `scheduleFigure`. Throws EVAL_REPORT_EMPTY. */
export function reportFigure(report: Report, options: FigureOptions = {}): string {
  return report.kind === "budget" ? budgetFigure(report, options) : scheduleFigure(report, options);
}

/**
 * An SVG of the spread of quality over trajectories (LoopFormer, Figure 6): a column for each number of loops, in
 * which each schedule is a dot, best to worst; the best and the uniform one are named, the median is dashed.
 * Throws EVAL_REPORT_KIND and EVAL_REPORT_EMPTY.
 */
export function scheduleFigure(report: Report, options: FigureOptions = {}): string {
  if (report.kind !== "trajectories") throw reportKind(report.kind, "trajectories");
  const metric = options.metric ?? "bitsPerByte";
  const values = measurements(report).map(({ point }) => point[metric]);
  const ys = scaleFor(values, frame.bottom, frame.top);
  const models = report.models.filter((model) => model.points.length > 0);
  const all = spreads(report);
  const columns = [...new Set(all.map(({ loops }) => loops))].sort((a, b) => a - b);
  const columnWidth = (frame.right - frame.left) / columns.length;
  const strips = all.map((spread) => {
    const left = frame.left + columns.indexOf(spread.loops) * columnWidth + gap / 2;
    return stripOf(spread, seriesStyle(models.indexOf(spread.model)), metric, left, columnWidth - gap, ys);
  });
  return reportChart({
    report,
    title: options.title ?? `${subjectOf(models, metric)} of every schedule`,
    metric,
    x: {
      title: "loops · number of schedules",
      ticks: columns.map((loops, index) => {
        const counts = new Set(all.filter((one) => one.loops === loops).map(({ points }) => points.length));
        const text = `${loops} loop${loops === 1 ? "" : "s"} · ${[...counts].join(" or ")}`;
        return { at: frame.left + (index + 0.5) * columnWidth, text };
      }),
    },
    ys,
    legend: models.map((model, index) => legendOf(model, seriesStyle(index), false)),
    notes: ["dots: schedules, best to worst", "dashed: median", "ringed: the uniform schedule"],
    body: [...strips.flatMap(stripMarks), ...names(strips)],
  });
}

function stripOf(
  spread: Spread,
  style: SeriesStyle,
  metric: Metric,
  left: number,
  width: number,
  ys: Scale,
): Strip {
  const { points, uniform, betterThanUniform } = spread;
  const sorted = points.toSorted((a, b) => a[metric] - b[metric]);
  const xAt = (rank: number) => left + ((rank + 0.5) / sorted.length) * width;
  const dots = sorted.map((point, rank) => ({ point, x: xAt(rank), y: ys.at(point[metric]) }));
  const own = dots.find(({ point }) => isUniform(point.trajectory));
  const offGrid = uniform && { point: uniform, x: xAt(betterThanUniform - 0.5), y: ys.at(uniform[metric]) };
  return { spread, style, dots, uniform: own ?? offGrid, medianY: ys.at(statistics(spread, metric).median) };
}

function stripMarks({ style, dots, uniform, medianY }: Strip): string[] {
  const ends = [dots[0]?.x ?? frame.left, dots.at(-1)?.x ?? frame.right] as const;
  const median = element("line", {
    x1: ends[0],
    x2: ends[1],
    y1: medianY,
    y2: medianY,
    stroke: style.color,
    "stroke-dasharray": "4 4",
  });
  const marks = dots
    .filter((dot) => dot !== uniform)
    .map(({ x, y }) => element("circle", { cx: x, cy: y, r: 2.6, fill: style.color }));
  return [
    ...(dots.length > 1 ? [median] : []),
    ...marks,
    ...(uniform ? [svgMarker(uniform.x, uniform.y, style, true)] : []),
  ];
}

function names(strips: readonly Strip[]): string[] {
  const labels = strips.flatMap(({ spread: { best, model }, dots, uniform, style }) => {
    const first = dots.find(({ point }) => point === best);
    const label = (dot: Dot, text: string, weight: number) => ({ ...dot, text, weight, color: style.color });
    return [
      ...(first && dots.length > 1
        ? [label(first, `best ${trajectoryText(best.trajectory, model.trainedLoops)}`, 1)]
        : []),
      ...(uniform ? [label(uniform, "uniform", 0)] : []),
    ];
  });
  const room = { ...frame, top: frame.top - 14, bottom: frame.bottom - 2, right: frame.right + 14 };
  const lines = strips.map(({ dots }) => dots);
  return placeLabels(labels, room, 11, lines).map(({ label, x, y }) =>
    svgText(x, y, label.text, { size: 11, color: label.color, weight: 600, halo: true }),
  );
}

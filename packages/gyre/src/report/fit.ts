import type { Axis, Chart, Panel, Point, Series } from "./chart.ts";
import { reportEmpty } from "./errors.ts";
import { type Scale, scaleFor } from "./scale.ts";

/** Where the data stand: pixels, or dots of a terminal. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A chart's points that can be drawn, within the bounds of its axes, with the scales of a frame. */
export interface Fitted {
  readonly series: readonly Series[];
  /** Series of other panels; none in a chart that is whole. */
  readonly others: readonly Series[];
  readonly xs: Scale;
  readonly ys: Scale;
  /** What the edges stand for, where something lies beyond them. */
  readonly edges: readonly string[];
}

/** Fits a chart, or a panel of one, into a frame. Throws EVAL_REPORT_EMPTY where no point can be drawn. */
export function fitChart(chart: Chart | Panel, frame: Frame): Fitted {
  const { x, y, guides = [] } = chart;
  const others = "others" in chart ? chart.others : [];
  const clip = (all: readonly Series[]) => all.map((one) => clipped(one, x, y));
  const [series, rest] = [clip(chart.series), clip(others)];
  const points = [...series, ...rest].flatMap((one) => one.points);
  if (points.length === 0) throw reportEmpty();
  const heights = points.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]);
  const xValues = [...points.map((p) => p.x), ...(x.ticks ?? []).map(({ at }) => at)];
  const yValues = [...heights, ...guides.map(({ at }) => at)].filter((value) => isDrawable(value, y));
  const noise = Math.max(0, ...[...series, ...rest].flatMap(errorsOf));
  return {
    series,
    others: rest,
    xs: scaleFor(x, xValues, { from: frame.left, to: frame.right }),
    ys: scaleFor(y, yValues, { from: frame.bottom, to: frame.top, noise }),
    edges: edgesOf(points, y),
  };
}

/** The half heights of a series' error bars. */
function errorsOf({ spread, points }: Series): number[] {
  if (spread !== "bars") return [];
  return points.flatMap(({ low, high }) => (low === undefined || high === undefined ? [] : (high - low) / 2));
}

function clipped(series: Series, x: Axis, y: Axis): Series {
  const points = series.points
    .map((point) => within(point, y))
    .filter((point) => isDrawable(point.x, x) && isDrawable(point.y, y));
  return { ...series, points };
}

function within(
  point: Point,
  { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY }: Axis,
): Point {
  const clip = (value: number) => Math.min(Math.max(value, least), most);
  const { y, low, high } = point;
  return {
    ...point,
    y: clip(y),
    ...(low === undefined ? {} : { low: clip(low) }),
    ...(high === undefined ? {} : { high: clip(high) }),
  };
}

const isDrawable = (value: number, { kind }: Axis) => Number.isFinite(value) && (kind !== "log" || value > 0);

function edgesOf(points: readonly Point[], { least, most }: Axis): string[] {
  const touches = (bound: number | undefined) => bound !== undefined && points.some(({ y }) => y === bound);
  return [
    ...(touches(most) ? [`at the top: ${most} or more`] : []),
    ...(touches(least) ? [`at the bottom: ${least} or less`] : []),
  ];
}

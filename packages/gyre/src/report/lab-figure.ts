import { axisOf, chart, dashes, frame } from "./chart.ts";
import type { Axis, BoundedAxis, FigureResult, Point, Series } from "./lab-report.ts";
import { linearTicks, logTicks, type Scale, tickTexts } from "./scale.ts";
import { element, seriesStyle, svgMarker, svgText } from "./svg.ts";

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

interface Placed extends Scale {
  readonly texts: readonly string[];
}

/** A line drawing of a figure: a line for each series, dashed where it says so, with its band. */
export function labFigure({ title, subtitle, x, y, series }: FigureResult): string {
  const shown = series.map((one) => ({
    ...one,
    points: one.points.map((p) => capped(p, y)).filter((p) => drawable(p.x, x) && drawable(p.y, y)),
  }));
  const points = shown.flatMap((one) => one.points);
  const heights = points
    .flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y])
    .filter((value) => drawable(value, y));
  const xs = place(
    x,
    points.map((p) => p.x),
    frame.left,
    frame.right,
  );
  const ys = place(y, heights, frame.bottom, frame.top);
  const edges = bounds(shown, y);
  return chart({
    title,
    subtitle,
    x: axisOf(x.title, xs, xs.texts),
    y: axisOf(y.title, ys, ys.texts),
    legend: shown.map(({ name, group, isDashed }, index) => ({
      name,
      style: seriesStyle(group ?? index),
      line: isDashed ? "dashed" : "solid",
    })),
    body: [
      ...(edges === "" ? [] : [svgText(frame.left + 8, frame.top - 8, edges)]),
      ...shown.flatMap((one, index) => lines(one, index, xs, ys)),
    ],
  });
}

/** What the edges stand for, where something lies beyond them. */
function bounds(series: readonly Series[], { most, least }: BoundedAxis): string {
  const touches = (bound: number | undefined) =>
    bound !== undefined && series.some(({ points }) => points.some((p) => p.y === bound));
  return [
    ...(touches(most) ? [`at the top: ${most} or more`] : []),
    ...(touches(least) ? [`at the bottom: ${least} or less`] : []),
  ].join("; ");
}

function capped(
  point: Point,
  { most = Number.POSITIVE_INFINITY, least = Number.NEGATIVE_INFINITY }: BoundedAxis,
): Point {
  const { x, y, low = y, high = y } = point;
  const within = (value: number) => Math.min(Math.max(value, least), most);
  return { x, y: within(y), low: within(low), high: within(high) };
}

const drawable = (value: number, { kind }: Axis) =>
  Number.isFinite(value) && (kind === "linear" || value > 0);

function place({ kind }: Axis, values: readonly number[], from: number, to: number): Placed {
  const bend = kind === "log" ? Math.log : (value: number) => value;
  const low = bend(Math.min(...values));
  const high = bend(Math.max(...values));
  const margin = 0.04 * (high - low) || 1;
  const at = (value: number) =>
    from + ((bend(value) - low + margin) / (high - low + 2 * margin)) * (to - from);
  const unbend = kind === "log" ? Math.exp : (value: number) => value;
  const [start, end] = [unbend(low - margin), unbend(high + margin)];
  const all = kind === "log" ? logTicks(start, end) : linearTicks(start, end);
  const step = Math.ceil(all.length / 9);
  const kept = all.filter((_, index) => index % step === 0);
  const texts =
    kind === "linear" || kept.every((tick) => tick >= 0.01 && tick < 1e5)
      ? tickTexts(kept)
      : kept.map(powerText);
  return { at, ticks: kept, texts };
}

/** 10 to a power, as a tick. */
function powerText(tick: number): string {
  const power = Math.floor(Math.log10(tick) + 1e-9);
  const digits = [...String(Math.abs(power))].map((digit) => superscripts[Number(digit)]).join("");
  const lead = Number((tick / 10 ** power).toPrecision(2));
  return `${lead === 1 ? "" : `${lead}·`}10${power < 0 ? "⁻" : ""}${digits}`;
}

function lines({ points, group, isDashed }: Series, index: number, xs: Placed, ys: Placed): string[] {
  const style = seriesStyle(group ?? index);
  const path = (list: readonly (readonly [number, number])[]) =>
    list.map(([a, b]) => `${Math.round(xs.at(a) * 10) / 10},${Math.round(ys.at(b) * 10) / 10}`).join(" ");
  const banded = points.filter(({ low, high }) => (low ?? 0) > 0 && high !== undefined);
  const around = [
    ...banded.map(({ x, high = 0 }) => [x, high] as const),
    ...banded.map(({ x, low = 0 }) => [x, low] as const).reverse(),
  ];
  return [
    ...(banded.length > 1
      ? [element("polygon", { points: path(around), fill: style.color, "fill-opacity": "0.13" })]
      : []),
    element("polyline", {
      points: path(points.map(({ x, y }) => [x, y] as const)),
      fill: "none",
      stroke: style.color,
      "stroke-width": 2,
      ...(isDashed ? dashes : {}),
    }),
    ...(points.length <= 12 ? points.map(({ x, y }) => svgMarker(xs.at(x), ys.at(y), style, isDashed)) : []),
  ];
}

import { type Chart, groupOf, type Panel, type Point, type Series } from "./chart.ts";
import { type Fitted, type Frame, fitChart } from "./fit.ts";
import { type Box, boxAround, type Place, placeLabels, stack } from "./labels.ts";
import type { Scale } from "./scale.ts";
import {
  element,
  ink,
  MARKER_RADIUS,
  type SeriesStyle,
  seriesStyle,
  svgDocument,
  svgMarker,
  svgText,
  textWidth,
  wrapText,
} from "./svg.ts";

const width = 900;
const margin = 28;
const plot = { left: 84, right: { least: 560, most: 740 }, height: 360 };
/** From the plot to the names of its series, and from these to their texts, which follow a piece of line. */
const namesGap = 22;
const sampleWidth = 31;
/** Series with more points have no markers. */
const MOST_MARKERS = 12;
const dashes = { "stroke-dasharray": "6 5" };

/** A series with its colour and the pixels of its points. */
interface Drawn {
  readonly series: Series;
  readonly style: SeriesStyle;
  readonly places: readonly Place[];
}

/**
 * A chart as SVG: title and subtitle, axes, floors and guides, bands, lines, error bars and markers, and each series' name at
 * its end. Takes at most six colours: `panelsOf` divides what has more. Throws EVAL_REPORT_EMPTY.
 */
export function drawChart(chart: Chart | Panel): string {
  const titles = wrapText(chart.title, 19, width - 2 * margin);
  const subtitles = wrapText(chart.subtitle, 13, width - 2 * margin);
  const top = 40 + 24 * (titles.length - 1) + 18 * subtitles.length + 40;
  const frame = { left: plot.left, right: rightOf(chart), top, bottom: top + plot.height };
  const fitted = fitChart(chart, frame);
  const all = fitted.series.map((series, index) =>
    drawn(series, seriesStyle(groupOf(series, index)), fitted),
  );
  const others = fitted.others.map((series) => drawn(series, { color: ink.faint, shape: "circle" }, fitted));
  const notes = wrapText(notesOf(chart, fitted, all).join(" · "), 11, width - 2 * margin);
  const height = frame.bottom + 62 + 16 * (notes[0] === "" ? 0 : notes.length);
  return svgDocument(width, height, chart.title, [
    ...titles.map((line, at) =>
      svgText(margin, 38 + 24 * at, line, { size: 19, weight: 650, color: ink.strong }),
    ),
    ...subtitles.map((line, at) => svgText(margin, 37 + 24 * titles.length + 18 * at, line, { size: 13 })),
    ...floors(chart, fitted.ys, frame),
    ...axes(chart, fitted, frame),
    ...lines(chart, fitted.ys, frame),
    ...others.flatMap((one) => [...band(one, fitted), ...line(one, 1.2)]),
    ...all.flatMap((one) => band(one, fitted)),
    ...all.flatMap((one) => line(one, one.series.isUnnamed ? 1.2 : 2)),
    ...all.flatMap((one) => marks(one, fitted.ys)),
    ...names(chart, all, fitted, frame),
    ...notes.map((note, at) => svgText(margin, frame.bottom + 66 + 16 * at, note, { size: 11 })),
  ]);
}

/** Where the plot ends, so that the names beside it have room. */
function rightOf({ series }: Chart): number {
  const named = series.filter(({ isUnnamed }) => !isUnnamed);
  const texts = named.flatMap(({ name, detail = "" }) => [textWidth(name, 12), textWidth(detail, 11)]);
  const room = Math.ceil(Math.max(0, ...texts)) + 1;
  const right = width - margin - room - sampleWidth - namesGap;
  return Math.min(Math.max(right, plot.right.least), plot.right.most);
}

function drawn(series: Series, style: SeriesStyle, { xs, ys }: Fitted): Drawn {
  return { series, style, places: series.points.map(({ x, y }) => ({ x: xs.at(x), y: ys.at(y) })) };
}

/** What the marks mean: the chart's own notes, and what only the drawing knows. */
function notesOf(chart: Chart | Panel, { edges, ys }: Fitted, all: readonly Drawn[]): string[] {
  const bars = all.flatMap(({ series }) => barsOf(series));
  const isShown = all.some(({ series }) => shownBars(series, ys).length > 0);
  return [
    ...(chart.notes ?? []),
    ...(bars.length === 0
      ? []
      : [isShown ? "bars: ± one standard error" : "standard errors are smaller than the markers"]),
    ...("others" in chart && chart.others.length > 0 ? ["grey: the series of the other figures"] : []),
    ...edges,
  ];
}

function axes({ x, y }: Chart, { xs, ys }: Fitted, { left, right, top, bottom }: Frame): string[] {
  return [
    ...ys.ticks.flatMap(({ at, text }) => [
      element("line", { x1: left, x2: right, y1: ys.at(at), y2: ys.at(at), stroke: ink.grid }),
      svgText(left - 10, ys.at(at) + 4, text, { anchor: "end" }),
    ]),
    ...xs.ticks.flatMap(({ at, text }) => [
      element("line", { x1: xs.at(at), x2: xs.at(at), y1: bottom, y2: bottom + 5, stroke: ink.axis }),
      svgText(xs.at(at), bottom + 20, text, { anchor: "middle" }),
    ]),
    element("line", { x1: left, x2: right, y1: bottom, y2: bottom, stroke: ink.axis }),
    svgText((left + right) / 2, bottom + 43, x.title, { anchor: "middle" }),
    svgText(24, (top + bottom) / 2, y.title, { anchor: "middle", rotate: -90 }),
  ];
}

/** What lies below a floor is shaded. */
function floors({ guides = [] }: Chart, ys: Scale, { left, right, bottom }: Frame): string[] {
  return guides
    .filter(({ kind }) => kind === "floor")
    .map(({ at }) =>
      element("rect", {
        x: left,
        y: ys.at(at),
        width: right - left,
        height: bottom - ys.at(at),
        fill: ink.floor,
      }),
    );
}

function lines({ guides = [] }: Chart, ys: Scale, { left, right }: Frame): string[] {
  return guides.flatMap(({ at, kind }) => {
    const ends = { x1: left, x2: right, y1: ys.at(at), y2: ys.at(at) };
    return kind === "floor"
      ? []
      : [element("line", { ...ends, stroke: ink.axis, "stroke-dasharray": "2 4" })];
  });
}

function band({ series, style, places }: Drawn, { ys }: Fitted): string[] {
  const isBand = series.spread !== "bars";
  const edge = (value: number) => Math.round(ys.at(Math.max(value, ys.low)) * 10) / 10;
  const around = series.points.flatMap(({ low, high }, index) =>
    low === undefined || high === undefined
      ? []
      : [{ x: places[index]?.x ?? 0, low: edge(low), high: edge(high) }],
  );
  if (!isBand || around.length < 2) return [];
  const path = [
    ...around.map(({ x, high }) => `${x.toFixed(1)},${high}`),
    ...around.map(({ x, low }) => `${x.toFixed(1)},${low}`).reverse(),
  ];
  return [element("polygon", { points: path.join(" "), fill: style.color, "fill-opacity": "0.14" })];
}

function line({ series, style, places }: Drawn, strokeWidth: number): string[] {
  if (series.line === "none" || places.length < 2) return [];
  const path = places.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`);
  return [
    element("path", {
      d: path.join(""),
      fill: "none",
      stroke: style.color,
      "stroke-width": strokeWidth,
      "stroke-linejoin": "round",
      ...(series.line === "dashed" ? dashes : {}),
    }),
  ];
}

/** The ends of a series' error bars. */
function barsOf({ spread, points }: Series): [number, number, Point][] {
  if (spread !== "bars") return [];
  return points.flatMap((point) =>
    point.low === undefined || point.high === undefined ? [] : [[point.low, point.high, point]],
  );
}

/** The error bars that reach out of their markers. */
const shownBars = (series: Series, ys: Scale) =>
  barsOf(series).filter(
    ([low, high]) => !hasMarkers(series) || ys.at(low) - ys.at(high) > 2 * MARKER_RADIUS + 1,
  );

function hasMarkers({ markers = "auto", points }: Series): boolean {
  return markers === "auto" && points.length <= MOST_MARKERS;
}

/** Markers, with the error bars over them. */
function marks({ series, style, places }: Drawn, ys: Scale): string[] {
  const at = (index: number) => places[index] ?? { x: 0, y: 0 };
  const bars = shownBars(series, ys).map(([low, high, point]) => {
    const { x } = at(series.points.indexOf(point));
    const [from, to] = [ys.at(low).toFixed(1), ys.at(high).toFixed(1)];
    const caps = [from, to].map((y) => `M${(x - 5).toFixed(1)} ${y}h10`).join("");
    const d = `M${x.toFixed(1)} ${from}V${to}${caps}`;
    return element("path", { d, fill: "none", stroke: style.color, "stroke-width": 1.4 });
  });
  if (series.markers === "dots")
    return places.map(({ x, y }) => element("circle", { cx: x, cy: y, r: 2.6, fill: style.color }));
  if (!hasMarkers(series)) return bars;
  const markers = series.points.map(({ isHollow }, index) =>
    svgMarker(at(index).x, at(index).y, style, isHollow ?? series.line === "dashed"),
  );
  return [...markers, ...bars];
}

interface Named {
  readonly one: Drawn;
  readonly end: Place;
  readonly lines: readonly string[];
  readonly height: number;
}

/** Names of series at their ends and of points beside them, and what guides stand for. */
function names(chart: Chart, all: readonly Drawn[], fitted: Fitted, frame: Frame): string[] {
  const named = all
    .filter(({ series, places }) => !series.isUnnamed && places.length > 0)
    .map((one): Named => {
      const end = one.places.reduce((last, place) => (place.x >= last.x ? place : last));
      const room = width - margin - frame.right - namesGap - sampleWidth;
      const lines = wrapText(one.series.name, 12, room).slice(0, 2);
      return { one, end, lines, height: 4 + 15 * lines.length + (one.series.detail === undefined ? 0 : 14) };
    });
  const isBeside = ({ end, one: { series } }: Named) =>
    series.points.length > 1 &&
    (series.line === "none" || end.x >= frame.right - 0.2 * (frame.right - frame.left));
  const beside = named.filter(isBeside);
  const taken = all.flatMap((one) => takenBy(one, fitted.ys));
  const lines = all.filter(({ series }) => series.line !== "none").map(({ places }) => places);
  const guides = guideLabels(chart, fitted.ys, frame);
  const inside = [
    ...named
      .filter((one) => !isBeside(one))
      .map(({ one, end }) => ({ ...label(one, one.series.name, end), weight: 3, one })),
    ...pointLabels(all),
  ];
  const room = {
    left: frame.left + 2,
    right: frame.right + 16,
    top: frame.top - 16,
    bottom: frame.bottom - 2,
  };
  const placed = placeLabels(inside, { room, taken: [...taken, ...guides.map(({ box }) => box)], lines });
  const homeless = named.filter(
    (one) => !isBeside(one) && !placed.some(({ label: found }) => "one" in found && found.one === one.one),
  );
  return [
    ...guides.map(({ x, y, text }) => svgText(x, y, text, { size: 11, halo: true })),
    ...placed.map(({ label: { text, size, color }, x, y }) =>
      svgText(x, y, text, { size, color, weight: 600, halo: true }),
    ),
    ...nameColumn([...beside, ...homeless], frame),
  ];
}

const label = (one: Drawn, text: string, at: Place) => ({ ...at, text, size: 12, color: one.style.color });

/** The labels of points; where several series have the same one above each other, only the highest keeps it, for all. */
function pointLabels(all: readonly Drawn[]) {
  const labels = all.flatMap(({ series, style, places }) =>
    series.points.flatMap(({ label: text }, index) => {
      const place = places[index];
      if (text === undefined || !place) return [];
      const weight = index === 0 || index === places.length - 1 ? 2 : 1;
      return [{ ...place, text, size: 11, color: style.color, weight }];
    }),
  );
  return labels.flatMap((one) => {
    const same = labels.filter(({ text, x }) => text === one.text && Math.abs(x - one.x) < 3);
    const highest = same.reduce((best, other) => (other.y < best.y ? other : best));
    return highest !== one ? [] : [same.length > 1 ? { ...one, color: ink.soft } : one];
  });
}

/** Markers and error bars, which no label may cover. */
function takenBy({ series, places }: Drawn, ys: Scale): Box[] {
  const bars = shownBars(series, ys).map(([low, high, point]) => {
    const x = places[series.points.indexOf(point)]?.x ?? 0;
    return { left: x - 5, right: x + 5, top: ys.at(high) - 1, bottom: ys.at(low) + 1 };
  });
  const radius = hasMarkers(series) ? MARKER_RADIUS : 2.6;
  const areShown = hasMarkers(series) || series.markers === "dots";
  return [...bars, ...(areShown ? places.map(({ x, y }) => boxAround(x, y, radius, radius)) : [])];
}

/** Texts at the right end of guides, over the line, and within floors. */
function guideLabels({ guides = [] }: Chart, ys: Scale, { left, right, bottom }: Frame) {
  return guides.map(({ at, text, kind }) => {
    const size = 11;
    const wide = textWidth(text, size);
    const y = kind === "floor" ? Math.min(ys.at(at) + 15, bottom - 5) : ys.at(at) - 5;
    const x = kind === "floor" ? left + 8 : right - wide - 4;
    return { x, y, text, box: { left: x, right: x + wide, top: y - size, bottom: y + 3 } };
  });
}

/** Names in a column right of the plot, each as near to the end of its series as the others let it be. */
function nameColumn(named: readonly Named[], { right, top, bottom }: Frame): string[] {
  const namesLeft = right + namesGap;
  const heights = stack(
    named.map(({ end, height }) => ({ y: end.y, height })),
    top - 14,
    bottom + 14,
  );
  return named.flatMap(({ one: { series, style }, end, lines, height }, index) => {
    const nameY = (heights[index] ?? end.y) - height / 2 + 9.5;
    const detailY = nameY + 4 + 15 * (lines.length - 1) + 14;
    const isDashed = series.line === "dashed";
    const stroke = { stroke: style.color, fill: "none" };
    const leader = `M${(end.x + MARKER_RADIUS + 2).toFixed(1)} ${end.y.toFixed(1)}L${namesLeft - 2} ${nameY.toFixed(1)}`;
    const sample = { x1: namesLeft, x2: namesLeft + 24, y1: nameY, y2: nameY, ...stroke, "stroke-width": 2 };
    return [
      ...(series.line === "none"
        ? []
        : [element("path", { d: leader, ...stroke, "stroke-width": 0.8, "stroke-opacity": "0.6" })]),
      ...(series.line === "none" ? [] : [element("line", { ...sample, ...(isDashed ? dashes : {}) })]),
      ...(hasMarkers(series) || series.markers === "dots"
        ? [svgMarker(namesLeft + 12, nameY, style, isDashed)]
        : []),
      ...lines.map((text, at) =>
        svgText(namesLeft + sampleWidth, nameY + 4 + 15 * at, text, { color: ink.strong }),
      ),
      ...(series.detail === undefined
        ? []
        : [svgText(namesLeft + sampleWidth, detailY, series.detail, { size: 11 })]),
    ];
  });
}

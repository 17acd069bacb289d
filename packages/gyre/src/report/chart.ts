import { type Scale, tickTexts } from "./scale.ts";
import { element, fitText, ink, type SeriesStyle, svgDocument, svgMarker, svgText } from "./svg.ts";

const width = 900;

/** Where the data of a figure stand. */
export const frame = { left: 84, top: 92, right: 640, bottom: 452 };

/** A title, and texts at pixels along the frame. */
export interface ChartAxis {
  readonly title: string;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

export interface LegendEntry {
  readonly name: string;
  /** A second, smaller line. */
  readonly detail?: string;
  readonly style: SeriesStyle;
  readonly line?: "solid" | "dashed";
  readonly hasMarker?: boolean;
}

/** The axis of a scale. */
export function axisOf(
  title: string,
  { ticks, at }: Scale,
  texts: readonly string[] = tickTexts(ticks),
): ChartAxis {
  return { title, ticks: ticks.map((tick, index) => ({ at: at(tick), text: texts[index] ?? "" })) };
}

/** Attributes of a broken line. */
export const dashes = { "stroke-dasharray": "6 5" };

/** What surrounds every figure: title, where the numbers come from, axes and legend. */
export function chart(parts: {
  readonly title: string;
  readonly subtitle: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly legend: readonly LegendEntry[];
  readonly notes?: readonly string[];
  readonly body: readonly string[];
}): string {
  const { title, subtitle, x, y, legend, notes = [], body } = parts;
  const step = legend.some(({ detail }) => detail !== undefined) ? 38 : 26;
  const height = Math.max(frame.bottom + 62, frame.top + legend.length * step + 16 * notes.length + 44);
  return svgDocument(width, height, title, [
    svgText(28, 38, fitText(title, 19, width - 56), { size: 19, weight: 650, color: ink.strong }),
    svgText(28, 61, fitText(subtitle, 13, width - 56), { size: 13 }),
    ...axes(x, y),
    ...body,
    ...legendRows(legend, step),
    ...notes.map((note, index) =>
      svgText(legendLeft, frame.top + 14 + legend.length * step + index * 16, note, { size: 11 }),
    ),
  ]);
}

function axes(x: ChartAxis, y: ChartAxis): string[] {
  const { left, right, top, bottom } = frame;
  return [
    ...y.ticks.flatMap(({ at, text }) => [
      element("line", { x1: left, x2: right, y1: at, y2: at, stroke: ink.grid }),
      svgText(left - 10, at + 4, text, { anchor: "end" }),
    ]),
    ...x.ticks.flatMap(({ at, text }) => [
      element("line", { x1: at, x2: at, y1: bottom, y2: bottom + 5, stroke: ink.axis }),
      svgText(at, bottom + 20, text, { anchor: "middle" }),
    ]),
    element("line", { x1: left, x2: right, y1: bottom, y2: bottom, stroke: ink.axis }),
    svgText((left + right) / 2, bottom + 44, x.title, { anchor: "middle" }),
    svgText(24, (top + bottom) / 2, y.title, { anchor: "middle", rotate: -90 }),
  ];
}

const legendLeft = frame.right + 24;

function legendRows(entries: readonly LegendEntry[], step: number): string[] {
  return entries.flatMap(({ name, detail, style, line, hasMarker }, index) => {
    const y = frame.top + 8 + index * step;
    const ends = { x1: legendLeft, x2: legendLeft + 26, y1: y, y2: y };
    const stroke = { stroke: style.color, "stroke-width": 2, ...(line === "dashed" ? dashes : {}) };
    const text = fitText(name, 12, width - legendLeft - 44);
    return [
      ...(line ? [element("line", { ...ends, ...stroke })] : []),
      ...(hasMarker ? [svgMarker(legendLeft + 13, y, style)] : []),
      svgText(legendLeft + 34, y + 4, text, { color: ink.strong }),
      ...(detail === undefined ? [] : [svgText(legendLeft + 34, y + 19, detail, { size: 11 })]),
    ];
  });
}

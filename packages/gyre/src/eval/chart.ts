import { groupedText, siText } from "./numbers.ts";
import type { Metric, ModelReport, Report } from "./report.ts";
import { type Scale, tickTexts } from "./scale.ts";
import { element, fitText, ink, type SeriesStyle, svgDocument, svgMarker, svgText } from "./svg.ts";

export interface FigureOptions {
  /** What stands on the vertical axis; bits per byte when left out. */
  readonly metric?: Metric;
  /** The heading; made from the models when left out. */
  readonly title?: string;
}

export const metricNames = { bitsPerByte: "bits per byte", perplexity: "perplexity" } as const;

const width = 900;
const legendTop = 92;
const legendStep = 38;

/** Where the data of a figure stand. */
export const frame = { left: 78, top: 92, right: 660, bottom: 452 };

export interface LegendEntry {
  readonly model: ModelReport;
  readonly style: SeriesStyle;
  readonly hasLine: boolean;
}

/** What surrounds every figure: title, where the numbers come from, axes and legend. */
export function chart(parts: {
  readonly report: Report;
  readonly title: string;
  readonly metric: Metric;
  readonly ys: Scale;
  readonly legend: readonly LegendEntry[];
  readonly notes: readonly string[];
  readonly body: readonly string[];
}): string {
  const { report, title, metric, ys, legend, notes, body } = parts;
  const height = Math.max(frame.bottom + 62, legendTop + legend.length * legendStep + 60);
  return svgDocument(width, height, title, [
    svgText(28, 38, fitText(title, 19, width - 56), { size: 19, weight: 650, color: ink.strong }),
    svgText(28, 61, fitText(subtitle(report), 13, width - 56), { size: 13 }),
    ...verticalAxis(ys, metric),
    ...body,
    ...legendRows(legend, notes),
  ]);
}

/** What a figure shows: the metric, after the name of the model when there is only one. */
export function subjectOf(models: readonly ModelReport[], metric: Metric): string {
  const text = metricNames[metric];
  const [first] = models;
  return models.length === 1 && first
    ? `${first.name}: ${text}`
    : `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Where the numbers come from, in one line. */
function subtitle({ provenance: { dataset, split, tokens, context, stride } }: Report): string {
  const windows = `context ${groupedText(context)} · stride ${groupedText(stride)}`;
  return `${dataset}, ${split} split · ${groupedText(tokens)} tokens · ${windows}`;
}

/** What stands below the frame. */
export function horizontalTitle(text: string): string {
  return svgText((frame.left + frame.right) / 2, frame.bottom + 44, text, { anchor: "middle" });
}

function verticalAxis(ys: Scale, metric: Metric): string[] {
  const texts = tickTexts(ys.ticks);
  const { left, right, top, bottom } = frame;
  return [
    ...ys.ticks.flatMap((tick, index) => {
      const y = ys.at(tick);
      return [
        element("line", { x1: left, x2: right, y1: y, y2: y, stroke: ink.grid }),
        svgText(left - 10, y + 4, texts[index] ?? "", { anchor: "end" }),
      ];
    }),
    element("line", { x1: left, x2: right, y1: bottom, y2: bottom, stroke: ink.axis }),
    svgText(24, (top + bottom) / 2, `${metricNames[metric]} (lower is better)`, {
      anchor: "middle",
      rotate: -90,
    }),
  ];
}

function legendRows(entries: readonly LegendEntry[], notes: readonly string[]): string[] {
  const left = frame.right + 34;
  const rows = entries.flatMap(({ model, style, hasLine }, index) => {
    const y = legendTop + 8 + index * legendStep;
    const dash = { x1: left, x2: left + 26, y1: y, y2: y, stroke: style.color, "stroke-width": 2 };
    return [
      ...(hasLine ? [element("line", dash)] : []),
      svgMarker(left + 13, y, style),
      svgText(left + 36, y + 4, fitText(model.name, 13, width - left - 56), { size: 13, color: ink.strong }),
      svgText(left + 36, y + 19, `${siText(model.parameters)} parameters`, { size: 11 }),
    ];
  });
  const notesTop = legendTop + 14 + entries.length * legendStep;
  return [...rows, ...notes.map((note, index) => svgText(left, notesTop + index * 16, note, { size: 11 }))];
}

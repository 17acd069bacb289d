import { reportKind } from "./errors.ts";
import { placeLabels } from "./labels.ts";
import { groupedText, siText } from "./numbers.ts";
import { type BudgetPoint, type Metric, type ModelReport, measurements, type Report } from "./report.ts";
import { type Scale, scaleFor, tickTexts } from "./scale.ts";
import {
  element,
  fitText,
  ink,
  type SeriesStyle,
  seriesStyle,
  svgDocument,
  svgMarker,
  svgText,
} from "./svg.ts";

export interface BudgetFigureOptions {
  /** What stands on the vertical axis; bits per byte when left out. */
  readonly metric?: Metric;
  /** The heading; made from the models when left out. */
  readonly title?: string;
}

export const metricNames = { bitsPerByte: "bits per byte", perplexity: "perplexity" } as const;

const width = 900;
const legendTop = 92;
const legendStep = 38;
const frame = { left: 78, top: 92, right: 660, bottom: 452 };

interface Dot {
  readonly point: BudgetPoint;
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly weight: number;
  readonly color: string;
}

interface Series {
  readonly model: ModelReport;
  readonly style: SeriesStyle;
  readonly dots: readonly Dot[];
}

/**
 * An SVG of quality against compute: one line a model, its markers labelled with the number of loops, hollow beyond
 * the loops of training. Models of one point are single markers. Throws EVAL_REPORT_KIND and EVAL_REPORT_EMPTY.
 */
export function budgetFigure(report: Report, options: BudgetFigureOptions = {}): string {
  if (report.kind !== "budget") throw reportKind(report.kind, "budget");
  const metric = options.metric ?? "bitsPerByte";
  const points = measurements(report).map(({ point }) => point);
  const bounds = points.flatMap((point) => [
    point[metric] - errorOf(point, metric),
    point[metric] + errorOf(point, metric),
  ]);
  const xs = scaleFor(
    points.map((point) => point.flopsPerToken),
    frame.left,
    frame.right,
  );
  const ys = scaleFor(bounds, frame.bottom, frame.top);
  const models = report.models.filter((model) => model.points.length > 0);
  const series = models.map((model, index) => seriesOf(model, seriesStyle(index), metric, xs, ys));
  const title = options.title ?? headline(models, metric);
  const height = Math.max(frame.bottom + 62, legendTop + models.length * legendStep + 60);
  return svgDocument(width, height, title, [
    svgText(28, 38, fitText(title, 19, width - 56), { size: 19, weight: 650, color: ink.strong }),
    svgText(28, 61, fitText(subtitle(report), 13, width - 56), { size: 13 }),
    ...axes(xs, ys, metric),
    ...series.flatMap((one) => lineAndErrors(one, metric, ys)),
    ...series.flatMap(({ dots, style, model }) =>
      dots.map(({ point, x, y }) => svgMarker(x, y, style, isBeyondTraining(point, model))),
    ),
    ...loopLabels(series),
    ...legend(series),
  ]);
}

/** Where the numbers come from, in one line. */
export function subtitle({ provenance: { dataset, split, tokens, context } }: Report): string {
  return `${dataset}, ${split} split · ${groupedText(tokens)} tokens · context ${groupedText(context)}`;
}

function headline(models: readonly ModelReport[], metric: Metric): string {
  const [first] = models;
  const subject =
    models.length === 1 && first ? `${first.name}: ${metricNames[metric]}` : metricNames[metric];
  return `${subject.charAt(0).toUpperCase()}${subject.slice(1)} at every compute budget`;
}

function seriesOf(model: ModelReport, style: SeriesStyle, metric: Metric, xs: Scale, ys: Scale): Series {
  const points = model.points.toSorted((a, b) => a.flopsPerToken - b.flopsPerToken);
  const dots = points.map((point, index) => ({
    point,
    x: xs.at(point.flopsPerToken),
    y: ys.at(point[metric]),
    text: points.length > 1 ? String(point.loops) : "",
    weight: index === 0 || index === points.length - 1 ? 1 : 0,
    color: style.color,
  }));
  return { model, style, dots };
}

/** The standard error in the units of the metric: both grow with the loss, one linearly, one exponentially. */
function errorOf(point: BudgetPoint, metric: Metric): number {
  if (point.stderr === undefined || point.loss === 0) return 0;
  return metric === "perplexity"
    ? point.perplexity * point.stderr
    : (point.bitsPerByte / point.loss) * point.stderr;
}

function isBeyondTraining(point: BudgetPoint, model: ModelReport): boolean {
  return point.loops > model.trainedLoops;
}

function axes(xs: Scale, ys: Scale, metric: Metric): string[] {
  const yTexts = tickTexts(ys.ticks);
  const middle = (frame.left + frame.right) / 2;
  return [
    ...ys.ticks.flatMap((tick, index) => {
      const y = ys.at(tick);
      return [
        element("line", { x1: frame.left, x2: frame.right, y1: y, y2: y, stroke: ink.grid }),
        svgText(frame.left - 10, y + 4, yTexts[index] ?? "", { anchor: "end" }),
      ];
    }),
    element("line", {
      x1: frame.left,
      x2: frame.right,
      y1: frame.bottom,
      y2: frame.bottom,
      stroke: ink.axis,
    }),
    ...xs.ticks.flatMap((tick) => {
      const x = xs.at(tick);
      return [
        element("line", { x1: x, x2: x, y1: frame.bottom, y2: frame.bottom + 5, stroke: ink.axis }),
        svgText(x, frame.bottom + 20, siText(tick), { anchor: "middle" }),
      ];
    }),
    svgText(middle, frame.bottom + 44, "FLOPs per token (forward pass, head included)", { anchor: "middle" }),
    svgText(24, (frame.top + frame.bottom) / 2, `${metricNames[metric]} (lower is better)`, {
      anchor: "middle",
      rotate: -90,
    }),
  ];
}

function lineAndErrors({ dots, style }: Series, metric: Metric, ys: Scale): string[] {
  const path = dots
    .map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join("");
  const stroke = { stroke: style.color, fill: "none" };
  const errors = dots
    .filter(({ point }) => errorOf(point, metric) > 0)
    .map(({ point, x }) => {
      const ends = [-1, 1].map((sign) => ys.at(point[metric] + sign * errorOf(point, metric)));
      return element("path", {
        d: `M${x.toFixed(1)} ${ends.map((y) => y.toFixed(1)).join("V")}`,
        ...stroke,
        "stroke-width": 1.2,
      });
    });
  const line = element("path", { d: path, ...stroke, "stroke-width": 2, "stroke-linejoin": "round" });
  return dots.length > 1 ? [line, ...errors] : errors;
}

function loopLabels(series: readonly Series[]): string[] {
  const dots = series.flatMap((one) => one.dots);
  const lines = series.map((one) => one.dots);
  const room = { ...frame, top: frame.top - 14, bottom: frame.bottom - 2, right: frame.right + 14 };
  return placeLabels(dots, room, 11, lines).map(({ label, x, y }) =>
    svgText(x, y, label.text, { size: 11, color: label.color, weight: 600, halo: true }),
  );
}

function legend(series: readonly Series[]): string[] {
  const left = frame.right + 34;
  const lastHeight = ({ dots }: Series) => dots.at(-1)?.y ?? 0;
  const entries = series.toSorted((a, b) => lastHeight(a) - lastHeight(b));
  const rows = entries.flatMap(({ model, style, dots }, index) => {
    const y = legendTop + 8 + index * legendStep;
    const dash = element("line", {
      x1: left,
      x2: left + 26,
      y1: y,
      y2: y,
      stroke: style.color,
      "stroke-width": 2,
    });
    return [
      ...(dots.length > 1 ? [dash] : []),
      svgMarker(left + 13, y, style),
      svgText(left + 36, y + 4, fitText(model.name, 13, width - left - 56), { size: 13, color: ink.strong }),
      svgText(left + 36, y + 19, `${siText(model.parameters)} parameters`, { size: 11 }),
    ];
  });
  const hasHollow = series.some(({ dots, model }) =>
    dots.some(({ point }) => isBeyondTraining(point, model)),
  );
  const hasLine = series.some(({ dots }) => dots.length > 1);
  const notes = [
    ...(hasLine ? ["numbers: loops"] : []),
    ...(hasHollow ? ["hollow: more loops than in training"] : []),
  ];
  const notesTop = legendTop + 14 + entries.length * legendStep;
  return [...rows, ...notes.map((note, index) => svgText(left, notesTop + index * 16, note, { size: 11 }))];
}

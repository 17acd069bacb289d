import { axisOf, frame } from "./chart.ts";
import { reportKind } from "./errors.ts";
import { placeLabels } from "./labels.ts";
import { siText } from "./numbers.ts";
import { type BudgetPoint, type Metric, type ModelReport, measurements, type Report } from "./report.ts";
import { type FigureOptions, legendOf, reportChart, subjectOf } from "./report-chart.ts";
import { type Scale, scaleFor } from "./scale.ts";
import { element, type SeriesStyle, seriesStyle, svgMarker, svgText } from "./svg.ts";

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
export function budgetFigure(report: Report, options: FigureOptions = {}): string {
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
  const lastHeight = ({ dots }: Series) => dots.at(-1)?.y ?? 0;
  return reportChart({
    report,
    title: options.title ?? `${subjectOf(models, metric)} at every compute budget`,
    metric,
    x: axisOf("FLOPs per token (forward pass, head included)", xs, xs.ticks.map(siText)),
    ys,
    legend: series
      .toSorted((a, b) => lastHeight(a) - lastHeight(b))
      .map(({ model, style, dots }) => legendOf(model, style, dots.length > 1)),
    notes: notesOn(series),
    body: [
      ...series.flatMap((one) => lineAndErrors(one, metric, ys)),
      ...series.flatMap(({ dots, style, model }) =>
        dots.map(({ point, x, y }) => svgMarker(x, y, style, isBeyondTraining(point, model))),
      ),
      ...loopLabels(series),
    ],
  });
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

function notesOn(series: readonly Series[]): string[] {
  const hasHollow = series.some(({ dots, model }) =>
    dots.some(({ point }) => isBeyondTraining(point, model)),
  );
  const hasLine = series.some(({ dots }) => dots.length > 1);
  return [
    ...(hasLine ? ["numbers: loops"] : []),
    ...(hasHollow ? ["hollow: more loops than in training"] : []),
  ];
}

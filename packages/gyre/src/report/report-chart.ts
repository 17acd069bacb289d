import { axisOf, type ChartAxis, chart, type LegendEntry } from "./chart.ts";
import { groupedText, siText } from "./numbers.ts";
import type { Metric, ModelReport, Report } from "./report.ts";
import type { Scale } from "./scale.ts";
import type { SeriesStyle } from "./svg.ts";

export interface FigureOptions {
  /** What stands on the vertical axis; bits per byte when left out. */
  readonly metric?: Metric;
  /** The heading; made from the models when left out. */
  readonly title?: string;
}

export const metricNames = { bitsPerByte: "bits per byte", perplexity: "perplexity" } as const;

/** The chart of a report on language models: quality upwards, and under the title where the numbers come from. */
export function reportChart(parts: {
  readonly report: Report;
  readonly title: string;
  readonly metric: Metric;
  readonly x: ChartAxis;
  readonly ys: Scale;
  readonly legend: readonly LegendEntry[];
  readonly notes: readonly string[];
  readonly body: readonly string[];
}): string {
  const { report, metric, ys, ...rest } = parts;
  const y = axisOf(`${metricNames[metric]} (lower is better)`, ys);
  return chart({ ...rest, subtitle: subtitle(report), y });
}

/** A model in the legend, with its size. */
export const legendOf = (model: ModelReport, style: SeriesStyle, hasLine: boolean): LegendEntry => ({
  name: model.name,
  detail: `${siText(model.parameters)} parameters`,
  style,
  ...(hasLine ? { line: "solid" } : {}),
  hasMarker: true,
});

/** What a figure shows: the metric, after the name of the model when there is only one. */
export function subjectOf(models: readonly ModelReport[], metric: Metric): string {
  const text = metricNames[metric];
  const [first] = models;
  return models.length === 1 && first
    ? `${first.name}: ${text}`
    : `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function subtitle({ provenance: { dataset, split, tokens, context, stride } }: Report): string {
  const windows = `context ${groupedText(context)} · stride ${groupedText(stride)}`;
  return `${dataset}, ${split} split · ${groupedText(tokens)} tokens · ${windows}`;
}

import type { Chart, Series } from "./chart.ts";
import { counted, groupedText, milliseconds, siText } from "./numbers.ts";
import { type Page, type Source, stepText } from "./page.ts";
import {
  type BudgetPoint,
  type Measurement,
  type ModelReport,
  measurements,
  type QualityReport,
} from "./report.ts";
import { type Column, type Table, tableOf } from "./table.ts";
import { isUniform, trajectoryText } from "./trajectory.ts";

/** The page of models at budgets: quality against compute, one line a model. Throws EVAL_REPORT_EMPTY. */
export function budgetsPage(report: QualityReport): Page {
  return {
    title: `${namesOf(report)}: quality at every budget`,
    lead: protocolText(report),
    charts: [budgetsChart(report)],
    tables: [pointsTable(report, measurements(report))],
    notes: [columnsNote],
    sources: qualitySources(report),
  };
}

export const columnsNote =
  "Bold: best in its column. Loss is in nats per token, with its standard error. FLOPs/token: one forward pass, head " +
  "included. Time: the forward passes over all tokens at that budget.";

export const namesOf = ({ models }: QualityReport): string => models.map(({ name }) => name).join(", ");

/** "NAME: bits per byte" of one model, "Bits per byte" of several. */
export const subjectOf = ({ models }: QualityReport): string =>
  models.length === 1 ? `${models[0]?.name}: bits per byte` : "Bits per byte";

export const bitsAxis = { title: "bits per byte (lower is better)" } as const;

export function protocolText({ provenance: { data }, protocol }: QualityReport): string {
  const { tokens, context, stride } = protocol;
  const windows = `context ${groupedText(context)} · stride ${groupedText(stride)}`;
  return `${data?.name}, ${data?.split} split · ${groupedText(tokens)} tokens · ${windows}`;
}

/** What a report on quality says of its protocol and its models. */
export function qualitySources({ protocol, models }: QualityReport): Source[] {
  const { tokenizer, tokens, context, stride } = protocol;
  return [
    { name: "tokenizer", text: tokenizer },
    {
      name: "protocol",
      text:
        `${groupedText(tokens)} tokens predicted at each budget, windows of ${groupedText(context)} tokens, ` +
        `stride ${groupedText(stride)}`,
    },
    ...models.map((model) => ({
      name: model.name,
      text:
        `${model.family}, ${groupedText(model.parameters)} parameters, trained for ` +
        `${counted(model.trainedLoops, "loop")}${stepText(model)}`,
    })),
  ];
}

function budgetsChart(report: QualityReport): Chart {
  const models = report.models.filter(({ points }) => points.length > 0);
  const hasHollow = measurements(report).some(({ point, model }) => point.loops > model.trainedLoops);
  return {
    title: `${subjectOf(report)} at every compute budget`,
    subtitle: protocolText(report),
    x: { title: "FLOPs per token (forward pass, head included)", hasPrefixes: true },
    y: bitsAxis,
    series: models.map(seriesOf),
    notes: [
      ...(models.some(({ points }) => points.length > 1) ? ["numbers: loops"] : []),
      ...(hasHollow ? ["hollow: more loops than in training"] : []),
    ],
  };
}

function seriesOf({ name, parameters, trainedLoops, points }: ModelReport): Series {
  return {
    name,
    detail: `${siText(parameters)} parameters`,
    line: points.length > 1 ? "solid" : "none",
    spread: "bars",
    points: points
      .toSorted((a, b) => a.flopsPerToken - b.flopsPerToken)
      .map((point) => ({
        x: point.flopsPerToken,
        ...bitsOf(point),
        ...(points.length > 1 ? { label: String(point.loops) } : {}),
        isHollow: point.loops > trainedLoops,
      })),
  };
}

/** Bits per byte with its standard error, which grows with the loss. */
export function bitsOf({ bitsPerByte: y, loss, stderr }: BudgetPoint) {
  if (stderr === undefined || loss === 0) return { y };
  const error = (y / loss) * stderr;
  return { y, low: y - error, high: y + error };
}

const pointColumns = {
  model: { title: "model", align: "left", text: ({ model }) => model.name },
  loops: { title: "loops", text: ({ point }) => String(point.loops) },
  flops: { title: "FLOPs/token", text: ({ point }) => siText(point.flopsPerToken) },
  loss: { title: "loss", text: lossText, best: ({ point }) => point.loss },
  perplexity: {
    title: "perplexity",
    text: ({ point }) => point.perplexity.toFixed(2),
    best: ({ point }) => point.perplexity,
  },
  bits: {
    title: "bits/byte",
    text: ({ point }) => point.bitsPerByte.toFixed(4),
    best: ({ point }) => point.bitsPerByte,
  },
  time: { title: "time", text: ({ point }) => milliseconds(point.elapsedMs) },
  trajectory: {
    title: "trajectory",
    align: "left",
    text: ({ model, point: { trajectory } }) =>
      isUniform(trajectory)
        ? `uniform 1/${trajectory.length}`
        : trajectoryText(trajectory, model.trainedLoops),
  },
} satisfies Record<string, Column<Measurement>>;

/** A table of measured points, models named where there are several; undefined rows stand for those left out. */
export function pointsTable(report: QualityReport, rows: readonly (Measurement | undefined)[]): Table {
  const { model, ...others } = pointColumns;
  const columns = [...(report.models.length > 1 ? [model] : []), ...Object.values(others)];
  return tableOf<Measurement>(columns, rows, measurements(report));
}

function lossText({ point: { loss, stderr } }: Measurement): string {
  return stderr === undefined ? loss.toFixed(4) : `${loss.toFixed(4)} ± ${stderr.toFixed(4)}`;
}

import type { Chart, Point, Series } from "./chart.ts";
import { counted, groupedText } from "./numbers.ts";
import type { Page } from "./page.ts";
import type { ReportOf } from "./report.ts";
import type { SweepTrial } from "./sweep.ts";
import { textTable } from "./table.ts";

type SweepReport = ReportOf<"sweep">;

/** More lines than these, one for each combination of the other fields, are drawn as single dots. */
const MOST_LINES = 12;
/** Trials of the table. */
const MOST_ROWS = 50;

const measures = {
  bitsPerByte: { title: "bits per byte", better: "lower", text: (value: number) => value.toFixed(3) },
  accuracy: { title: "share right", better: "higher", text: (value: number) => value.toFixed(3) },
} as const;

/** The mean over seeds; undefined where a run failed. */
function meanOf({ values }: SweepTrial): number | undefined {
  const known = values.filter((value) => value !== null);
  return known.length < values.length
    ? undefined
    : known.reduce((sum, value) => sum + value / known.length, 0);
}

/** A value of a field in words. */
const valueText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
const nameOf = (path: string): string => path.split(".").at(-1) ?? path;
/** What a trial chose, in words: learningRate 0.002, width 64. */
export const chosenText = (chosen: SweepTrial["chosen"], fields = Object.keys(chosen)): string =>
  fields.map((field) => `${nameOf(field)} ${valueText(chosen[field])}`).join(", ");

/** The page of a sweep: a chart for each field that was searched, and its trials, best first. */
export function sweepPage(report: SweepReport): Page {
  const { name, trials, rungs, measure } = report;
  const all = Object.keys(trials[0]?.chosen ?? {});
  const isSearched = (field: string) =>
    new Set(trials.map(({ chosen }) => valueText(chosen[field]))).size > 1;
  const fields = trials.length > 1 ? all.filter(isSearched) : all;
  const { title, better } = measures[measure];
  const [best] = trials;
  const compared = rungs.slice(0, -1).map(({ steps }) => groupedText(steps));
  return {
    title: `${name}: sweep`,
    lead: best ? `Best of ${counted(trials.length, "trial")}: ${chosenText(best.chosen, fields)}.` : "",
    charts: fields
      .map((field) => fieldChart(report, field, fields))
      .filter(({ series }) => series.length > 0),
    tables: [trialTable(report, fields)],
    notes: [
      `\`${title}\`: the best that was measured on held-out data at full depth while training; ${better} is better` +
        ((best?.values.length ?? 1) > 1 ? ", and the mean over seeds." : "."),
      ...(compared.length > 0
        ? [
            `After ${compared.join(" and ")} steps the best trials went on; trials are compared with those of as many steps.`,
          ]
        : []),
    ],
    sources: [{ name: "trials", text: String(trials.length) }],
  };
}

function trialTable({ trials, measure }: SweepReport, fields: readonly string[]) {
  const { title, text } = measures[measure];
  const hasSeeds = trials.some(({ values }) => values.length > 1);
  const rows = trials.slice(0, MOST_ROWS).map((trial) => {
    const mean = meanOf(trial);
    const known = trial.values.filter((value) => value !== null);
    return [
      trial.name,
      ...fields.map((field) => valueText(trial.chosen[field])),
      groupedText(trial.steps),
      mean === undefined ? `failed: ${trial.problem ?? "not every run was measured"}` : text(mean),
      ...(hasSeeds ? [known.map(text).join(" ")] : []),
    ];
  });
  return textTable(["trial", ...fields.map(nameOf), "steps", title, ...(hasSeeds ? ["seeds"] : [])], rows);
}

/** Quality over one field: of a grid a line for each combination of the others, else a dot for each trial. */
function fieldChart({ name, trials, measure }: SweepReport, field: string, fields: readonly string[]): Chart {
  const known = trials.filter((trial) => meanOf(trial) !== undefined);
  const values = [...new Set(known.map(({ chosen }) => chosen[field]))];
  const isNumeric = values.every((value) => typeof value === "number");
  const texts = [...new Set(values.map(valueText))];
  const x = ({ chosen }: SweepTrial) =>
    isNumeric ? (chosen[field] as number) : texts.indexOf(valueText(chosen[field]));
  const others = fields.filter((other) => other !== field);
  const groupOf = ({ chosen }: SweepTrial) => chosenText(chosen, others);
  const groups = [...new Set(known.map(groupOf))];
  const isGrid = groups.length <= MOST_LINES && groups.length < known.length;
  const { title, better } = measures[measure];
  return {
    title: `${name}: ${title} by ${nameOf(field)}`,
    subtitle: `held-out data, full depth; ${better} is better`,
    x: {
      title: nameOf(field),
      ...(isNumeric ? {} : { kind: "linear", ticks: texts.map((text, at) => ({ at, text })) }),
    },
    y: { title },
    series: isGrid
      ? groups.map((group) => {
          const own = known.filter((trial) => groupOf(trial) === group);
          return seriesOf(group || title, own, { x, line: "solid" });
        })
      : [seriesOf("trials", known, { x, line: "none" })],
  };
}

function seriesOf(
  name: string,
  trials: readonly SweepTrial[],
  { x, line }: { readonly x: (trial: SweepTrial) => number; readonly line: "solid" | "none" },
): Series {
  const points = trials.map((trial): Point => {
    const values = trial.values.filter((value) => value !== null);
    const ends = values.length > 1 ? { low: Math.min(...values), high: Math.max(...values) } : {};
    return { x: x(trial), y: meanOf(trial) ?? Number.NaN, ...ends };
  });
  return { name, line, spread: "bars", points: points.sort((a, b) => a.x - b.x) };
}

import type { Chart, Point, Series } from "./chart.ts";
import { counted } from "./numbers.ts";

/** What a run wrote down while it trained: one record for each optimizer step, oldest first. */
export interface TrainingCurve {
  /** How the run is called. */
  readonly name: string;
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

/** A curve has no more points than these; each is the mean of equally many steps. */
const MOST_POINTS = 160;

const steps = { title: "optimizer steps", kind: "linear" as const, hasPrefixes: true };

/** How a measure of held-out data is titled. */
const measureTitles: Readonly<Record<string, string>> = {
  bitsPerByte: "bits per byte (lower is better)",
  accuracy: "share of right answers (higher is better)",
  loss: "loss (lower is better)",
};

/**
 * The charts of runs' records: the loss of training, and each measure of held-out data. One run shows every number of
 * loops, several show full depth, the last that was measured. A chart without a point is left out.
 *
 * @example
 * const [training] = curveCharts([{ name: "first", records }]);
 * if (training) console.log(drawChart(training));
 */
export function curveCharts(curves: readonly TrainingCurve[]): Chart[] {
  const measures = [...new Set(curves.flatMap(({ records }) => records.flatMap(measuresIn)))].sort();
  return [lossChart(curves), ...measures.map((measure) => heldOutChart(curves, measure))].filter(
    ({ series }) => series.length > 0,
  );
}

const namesOf = (curves: readonly TrainingCurve[]) => curves.map(({ name }) => name).join(", ");

function lossChart(curves: readonly TrainingCurve[]): Chart {
  const all = curves.map(({ name, records }) => ({ name, ...averaged(lossesIn(records)) }));
  return {
    title: `${namesOf(curves)}: training loss`,
    subtitle: all
      .filter(({ width }) => width > 1)
      .map(({ name, width }) => `${name}: means of ${counted(width, "step")}`)
      .join(" · "),
    x: steps,
    y: { title: "training loss" },
    series: all
      .filter(({ points }) => points.length > 0)
      .map(({ name, points }): Series => ({ name, points, markers: "none" })),
  };
}

function heldOutChart(curves: readonly TrainingCurve[], measure: string): Chart {
  const [first] = curves;
  const series = curves.length === 1 && first ? depthsOf(first, measure) : fullDepths(curves, measure);
  return {
    title: `${namesOf(curves)}: held-out data`,
    subtitle:
      curves.length === 1 ? "while training, at every number of loops" : "while training, at full depth",
    x: steps,
    y: { title: measureTitles[measure] ?? measure },
    series: series.filter(({ points }) => points.length > 0),
  };
}

function depthsOf({ records }: TrainingCurve, measure: string): Series[] {
  const values = records.map((record) => heldOutIn(record, measure));
  const depths = [...new Set(values.flatMap((found) => Object.keys(found)))].map(Number);
  return depths
    .sort((a, b) => a - b)
    .map((loops) => ({
      name: counted(loops, "loop"),
      points: records.flatMap((record, index) => pointOf(record, values[index]?.[loops])),
    }));
}

const fullDepths = (curves: readonly TrainingCurve[], measure: string): Series[] =>
  curves.map(({ name, records }) => ({
    name,
    points: records.flatMap((record) => pointOf(record, Object.values(heldOutIn(record, measure)).at(-1))),
  }));

const pointOf = ({ step }: Readonly<Record<string, unknown>>, y: unknown): Point[] =>
  typeof step === "number" && typeof y === "number" ? [{ x: step, y }] : [];

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** The values of one measure by their number of loops, which JSON keeps in ascending order. */
const heldOutIn = (record: Readonly<Record<string, unknown>>, measure: string) =>
  asRecord(asRecord(record["heldOut"])[measure]);

const measuresIn = (record: Readonly<Record<string, unknown>>) => Object.keys(asRecord(record["heldOut"]));

/** What evaluation would measure: the first part of the loss, or the loss itself where it has none. */
function lossesIn(records: TrainingCurve["records"]): Point[] {
  return records.flatMap((record) => {
    const [part] = Object.values(asRecord(record["parts"]));
    return pointOf(record, part ?? record["loss"]);
  });
}

/** At most so many points, each the mean of `width` points in a row. */
function averaged(points: readonly Point[]): { readonly points: Point[]; readonly width: number } {
  const width = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  const means = Array.from({ length: Math.ceil(points.length / width) }, (_, index) => {
    const group = points.slice(index * width, (index + 1) * width);
    const mean = (pick: (point: Point) => number) =>
      group.reduce((sum, point) => sum + pick(point), 0) / group.length;
    return { x: mean(({ x }) => x), y: mean(({ y }) => y) };
  });
  return { points: means, width };
}

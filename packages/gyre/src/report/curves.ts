import type { Chart, Point, Series } from "./chart.ts";
import { counted, groupedText } from "./numbers.ts";

/** What a run wrote down while it trained: the optimizer steps that it did, oldest first. */
export interface TrainingCurve {
  /** How the run is called. */
  readonly name: string;
  readonly steps: readonly CurveStep[];
  /** Steps whose loss or gradient norm was far above what was usual. */
  readonly spikes?: readonly CurveSpike[];
}

/** A step that jumped, and how far. */
export interface CurveSpike {
  readonly step: number;
  readonly value: number;
  readonly usual: number;
}

/** One optimizer step of a curve. */
export interface CurveStep {
  readonly step: number;
  /** What evaluation would measure; undefined where it was not finite. */
  readonly loss: number | undefined;
  /** What was measured on held-out data after the step, in ascending numbers of loops. */
  readonly heldOut?:
    | {
        readonly measure: string;
        readonly points: readonly { readonly loops: number; readonly value: number }[];
      }
    | undefined;
}

/** A curve has no more points than these; each is the mean of equally many steps. */
const MOST_POINTS = 160;
/** Spikes that are marked: the largest. */
const MOST_SPIKES = 12;

const stepsAxis = { title: "optimizer steps", kind: "linear" as const, hasPrefixes: true };

/** How a measure of held-out data is titled. */
const measureTitles: Readonly<Record<string, string>> = {
  bitsPerByte: "bits per byte (lower is better)",
  accuracy: "share of right answers (higher is better)",
  squaredError: "squared error after all examples (lower is better)",
};

/**
 * The charts of runs' steps: the loss of training, and each measure of held-out data. One run shows every number of
 * loops, several show full depth, the last that was measured. A chart without a point is left out.
 *
 * @example
 * const [training] = curveCharts([{ name: "first", steps }]);
 * if (training) console.log(drawChart(training));
 */
export function curveCharts(curves: readonly TrainingCurve[]): Chart[] {
  const named = curves.flatMap(({ steps }) => steps.flatMap(({ heldOut }) => heldOut?.measure ?? []));
  const measures = [...new Set(named)].sort();
  return [lossChart(curves), ...measures.map((measure) => heldOutChart(curves, measure))].filter(
    ({ series }) => series.length > 0,
  );
}

const namesOf = (curves: readonly TrainingCurve[]) => curves.map(({ name }) => name).join(", ");

function lossChart(curves: readonly TrainingCurve[]): Chart {
  const all = curves.map(({ name, steps, spikes = [] }) => ({
    name,
    spikes,
    ...averaged(steps.flatMap(({ step, loss }) => pointOf(step, loss))),
  }));
  const drawn = all.filter(({ points }) => points.length > 0);
  const notes = drawn.flatMap(({ name, spikes }) => (spikes.length === 0 ? [] : spikesNote(name, spikes)));
  return {
    title: `${namesOf(curves)}: training loss`,
    subtitle: all
      .filter(({ width }) => width > 1)
      .map(({ name, width }) => `${name}: means of ${counted(width, "step")}`)
      .join(" · "),
    x: stepsAxis,
    y: { title: "training loss" },
    series: [
      ...drawn.map(({ name, points }, group): Series => ({ name, points, group, markers: "none" })),
      ...drawn.flatMap(({ name, points, spikes }, group): Series[] =>
        spikes.length === 0
          ? []
          : [
              {
                name: `${name}: spikes`,
                points: marksOn(points, spikes),
                group,
                line: "none",
                isUnnamed: true,
              },
            ],
      ),
    ],
    ...(notes.length === 0
      ? {}
      : { notes: ["hollow: a spike of the loss or of the gradient norm", ...notes] }),
  };
}

/** How often a run jumped, and the last time. */
const spikesNote = (name: string, spikes: readonly CurveSpike[]): string =>
  `${name}: ${counted(spikes.length, "spike")}, the last at step ${groupedText(spikes.at(-1)?.step ?? 0)}` +
  (spikes.length > MOST_SPIKES ? `; the ${MOST_SPIKES} largest are marked` : "");

/** The largest spikes as marks on the curve, which shows means: the axis stays that of what was usual. */
function marksOn(curve: readonly Point[], spikes: readonly CurveSpike[]): Point[] {
  const largest = [...spikes].sort((a, b) => b.value / b.usual - a.value / a.usual).slice(0, MOST_SPIKES);
  const nearest = (step: number) =>
    curve.reduce((best, point) => (Math.abs(point.x - step) < Math.abs(best.x - step) ? point : best));
  return largest
    .sort((a, b) => a.step - b.step)
    .map(({ step }) => ({ x: step, y: nearest(step).y, isHollow: true }));
}

function heldOutChart(curves: readonly TrainingCurve[], measure: string): Chart {
  const [first] = curves;
  const series = curves.length === 1 && first ? depthsOf(first, measure) : fullDepths(curves, measure);
  return {
    title: `${namesOf(curves)}: held-out data`,
    subtitle:
      curves.length === 1 ? "while training, at every number of loops" : "while training, at full depth",
    x: stepsAxis,
    y: { title: measureTitles[measure] ?? measure },
    series: series.filter(({ points }) => points.length > 0),
  };
}

function depthsOf({ steps }: TrainingCurve, measure: string): Series[] {
  const measured = steps.flatMap(({ step, heldOut }) =>
    heldOut?.measure === measure ? heldOut.points.map((point) => ({ step, ...point })) : [],
  );
  const depths = [...new Set(measured.map(({ loops }) => loops))].sort((a, b) => a - b);
  return depths.map((depth) => ({
    name: counted(depth, "loop"),
    points: measured.filter(({ loops }) => loops === depth).map(({ step, value }) => ({ x: step, y: value })),
  }));
}

const fullDepths = (curves: readonly TrainingCurve[], measure: string): Series[] =>
  curves.map(({ name, steps }) => ({
    name,
    points: steps.flatMap(({ step, heldOut }) =>
      heldOut?.measure === measure ? pointOf(step, heldOut.points.at(-1)?.value) : [],
    ),
  }));

const pointOf = (x: number, y: number | undefined): Point[] => (y === undefined ? [] : [{ x, y }]);

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

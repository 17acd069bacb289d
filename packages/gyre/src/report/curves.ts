import type { Chart, Point, Series } from "./chart.ts";
import { counted } from "./numbers.ts";

/** What a run wrote down while it trained: the optimizer steps that it did, oldest first. */
export interface TrainingCurve {
  /** How the run is called. */
  readonly name: string;
  readonly steps: readonly CurveStep[];
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
  const all = curves.map(({ name, steps }) => ({
    name,
    ...averaged(steps.flatMap(({ step, loss }) => pointOf(step, loss))),
  }));
  return {
    title: `${namesOf(curves)}: training loss`,
    subtitle: all
      .filter(({ width }) => width > 1)
      .map(({ name, width }) => `${name}: means of ${counted(width, "step")}`)
      .join(" · "),
    x: stepsAxis,
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

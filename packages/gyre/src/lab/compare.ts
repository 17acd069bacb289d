import { type ErrorCurve, evaluateBaseline, evaluatePrompts } from "../measure/prompts.ts";
import { parameterCount } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import { runsOnce } from "../models/spec.ts";
import { alone, type Collective } from "../ranks/collective.ts";
import type { Axis, Chart, Point, Series } from "../report/chart.ts";
import { counted, groupedText, numberText } from "../report/numbers.ts";
import type { Findings } from "../report/report.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Baseline } from "../tasks/baselines/baseline.ts";
import { baselineNamed } from "../tasks/baselines/index.ts";
import type { VectorTask } from "../tasks/task.ts";
import { mean } from "../util/statistics.ts";
import type { Weights } from "../util/tensor.ts";

/** One recipe of a comparison, with a model for each seed that it was trained with. */
export interface Arm {
  readonly name: string;
  readonly spec: Spec;
  readonly weights: readonly Weights[];
}

/** Which models and algorithms are compared on which task. */
export interface CompareOptions {
  readonly task: VectorTask;
  readonly arms: readonly Arm[];
  readonly runtime: Runtime;
  /** Seed of the prompts, the same for every model and baseline. */
  readonly seed: number;
  /** 1,280 by default. */
  readonly prompts?: number;
  /** Numbers of loops besides the trained one; `loopTaps` by default. */
  readonly loops?: (spec: Spec) => readonly number[];
  /** Standard deviations of the labels' noise; 0 to 1 by default. */
  readonly noise?: readonly number[];
  /** The processes that share the prompts; all pass the same options and get the same outcomes. This one alone by default. */
  readonly ranks?: Collective;
  /** Called as models are measured. */
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Errors of one model or baseline: [loops or noise] -> readings. */
export type Curves = ReadonlyMap<number, ErrorCurve>;

/** What an arm's models measured, and which of them is the best at its trained loops, with every example. */
export interface Outcome {
  readonly arm: Arm;
  readonly parameters: number;
  readonly runs: readonly Curves[];
  readonly best: Curves;
}

/** What each model and algorithm made of the same prompts. */
export interface Comparison {
  readonly task: VectorTask;
  /** Readings whose errors count, and how many examples come before each. */
  readonly readings: readonly number[];
  readonly examples: readonly number[];
  readonly prompts: number;
  readonly seed: number;
  readonly measured: readonly Outcome[];
  readonly baselines: ReadonlyMap<string, ErrorCurve>;
}

/** Standard deviations of the labels' noise that errors are measured at. */
const defaultNoise: readonly number[] = [0, 0.1, 0.2, 0.5, 1];

/** From one loop to four times the trained number; beyond that, a fixed point has been reached or lost. */
export function loopTaps({ family, loops }: Spec): number[] {
  if (runsOnce(family)) return [1];
  const shares = [1 / 12, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 3 / 4, 1, 1.5, 2, 3, 4];
  return [...new Set(shares.map((share) => Math.max(1, Math.round(share * loops))))];
}

/** What the measurements of all models have in common. */
function shared({ task, runtime, seed, prompts = 1280, ranks = alone, signal }: CompareOptions) {
  return { task, runtime, seed, prompts, scale: task.scale, ranks, ...(signal ? { signal } : {}) };
}

/** Errors of every model and classical algorithm on the same prompts. Throws LAB_OPTIONS, LOOPS. */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { task, arms, seed, prompts = 1280, loops = loopTaps, onProgress, signal } = options;
  const stages = stagesOf(task);
  const measured: Outcome[] = [];
  for (const arm of arms) {
    const taps = runsOnce(arm.spec.family) ? [1] : [...loops(arm.spec), arm.spec.loops];
    const runs: Curves[] = [];
    for (const weights of arm.weights) {
      onProgress?.(`${arm.name}, model ${runs.length + 1} of ${arm.weights.length}`);
      const { curves } = await evaluatePrompts({ ...shared(options), spec: arm.spec, weights, loops: taps });
      runs.push(new Map(curves.map((curve) => [curve.loops, curve])));
    }
    measured.push({ arm, parameters: parameterCount(arm.spec), runs, best: bestOf(runs, arm.spec.loops) });
  }
  const baselines = new Map<string, ErrorCurve>();
  for (const name of task.baselines) {
    signal?.throwIfAborted();
    onProgress?.(name);
    baselines.set(name, evaluateBaseline(task, baselineNamed(name), { seed, prompts }));
  }
  const count = ([...baselines.values()][0] ?? lastCurve(measured)).mean.length;
  const all = Array.from({ length: count }, (_, reading) => reading);
  const readings = all.filter((reading) => reading % stages === stages - 1);
  const examples = readings.map((reading) => Math.floor(reading / stages));
  return { task, readings, examples, prompts, seed, measured, baselines };
}

/** The number of regressions that a task's readings take turns in. */
function stagesOf(task: VectorTask): number {
  const { points, dims } = task;
  return task.draw({ seed: 0, stream: "stages", batch: 1, points, dims }).problem.stages;
}

const lastCurve = (measured: readonly Outcome[]) =>
  [...(measured[0]?.best.values() ?? [])].at(-1) as ErrorCurve;

function bestOf(runs: readonly Curves[], loops: number): Curves {
  const score = (curves: Curves) => curves.get(loops)?.mean.at(-1) ?? Number.POSITIVE_INFINITY;
  return runs.reduce((best, one) => (score(one) < score(best) ? one : best));
}

function at({ mean: means, low, high }: ErrorCurve, reading: number, x: number): Point {
  const [y = Number.NaN, from = y, to = y] = [means[reading], low[reading], high[reading]];
  return { x, y, low: from, high: to };
}

/** Every arm's error at each seed, with all examples and the trained loops, best and mean. */
export function armTable({ measured, readings, baselines }: Comparison): NonNullable<Findings["table"]> {
  const last = readings.at(-1) ?? 0;
  const rows = measured.map(({ arm, parameters, runs }) => {
    const errors = errorsAt(runs, arm.spec.loops, last);
    const loops = runsOnce(arm.spec.family)
      ? counted(arm.spec.layers.core, "layer")
      : counted(arm.spec.loops, "loop");
    const text = errors.map(numberText).join(", ");
    return [
      arm.name,
      groupedText(parameters),
      loops,
      numberText(Math.min(...errors)),
      numberText(mean(errors)),
      text,
    ];
  });
  const others = [...baselines].map(([name, curve]) => {
    const error = numberText(curve.mean[last] ?? Number.NaN);
    return [name, "", "", error, error, ""];
  });
  return { head: ["", "parameters", "depth", "best", "mean", "each seed"], rows: [...rows, ...others] };
}

/** Mean error of each model of an arm at a number of loops and a reading. */
function errorsAt(runs: readonly Curves[], loops: number, reading: number): number[] {
  return runs.map((curves) => curves.get(loops)?.mean[reading] ?? Number.NaN);
}

/** What a comparison took, for whoever wants to redo it. */
export const settingsOf = ({ task, prompts, seed, measured }: Comparison) => ({
  task: task.name,
  scale: task.scale,
  prompts,
  promptSeed: seed,
  models: Object.fromEntries(measured.map(({ arm }) => [arm.name, arm.spec])),
});

const errorAxis = (most: number): Axis => ({
  title: "normalised squared error",
  kind: "log",
  most,
  least: 1e-4,
});

const subtitleOf = ({ task, prompts, measured }: Comparison, more = "") => {
  const seeds = Math.max(...measured.map(({ runs }) => runs.length));
  const which = seeds > 1 ? `, best of ${seeds} seeds` : "";
  return `${task.summary}; ${groupedText(prompts)} prompts, 90 % band${which}${more}`;
};

/** Error against the number of examples in the prompt, each model at its trained number of loops. */
export function examplesChart(comparison: Comparison): Chart {
  const { readings, examples, measured, baselines } = comparison;
  const points = (curve: ErrorCurve) =>
    readings.map((reading, index) => at(curve, reading, examples[index] ?? 0));
  return {
    title: `${comparison.task.name}: error against examples in the prompt`,
    subtitle: subtitleOf(comparison),
    x: { title: "examples before the query", kind: "linear" },
    y: errorAxis(3),
    series: [
      ...measured.map(({ arm, best }, group) => ({
        name: arm.name,
        group,
        points: points(best.get(arm.spec.loops) as ErrorCurve),
      })),
      ...[...baselines].map(([name, curve], index) => ({
        name,
        group: measured.length + index,
        line: "dashed" as const,
        points: points(curve),
      })),
    ],
  };
}

/** Error with every example against the number of loops, also beyond the trained one. */
export function loopsChart(comparison: Comparison): Chart {
  const { readings, measured, baselines } = comparison;
  const last = readings.at(-1) ?? 0;
  const most = Math.max(...measured.flatMap(({ best }) => [...best.keys()]));
  const flat = (name: string, curve: ErrorCurve, group: number): Series => ({
    name,
    group,
    line: "dashed",
    points: [at(curve, last, 1), at(curve, last, most)],
  });
  return {
    title: `${comparison.task.name}: error against loops`,
    subtitle: subtitleOf(comparison, "; every example given"),
    x: { title: "loops", kind: "log" },
    y: errorAxis(10),
    series: [
      ...measured.map(({ arm, best }, group) =>
        runsOnce(arm.spec.family)
          ? flat(arm.name, best.get(1) as ErrorCurve, group)
          : {
              name: arm.name,
              group,
              points: [...best].sort(([a], [b]) => a - b).map(([loops, curve]) => at(curve, last, loops)),
            },
      ),
      ...[...baselines].map(([name, curve], index) => flat(name, curve, measured.length + index)),
    ],
  };
}

/** Error with every example against noise on the labels, for the best model of each arm. Throws LAB_OPTIONS. */
export async function noiseChart(comparison: Comparison, options: CompareOptions): Promise<Chart> {
  const { task, measured, readings, prompts, seed } = comparison;
  const { noise = defaultNoise, onProgress } = options;
  const last = readings.at(-1) ?? 0;
  const series: Series[] = [];
  for (const [group, { arm, runs, best }] of measured.entries()) {
    onProgress?.(`${arm.name} with noise`);
    const weights = arm.weights[runs.indexOf(best)] as Weights;
    const points: Point[] = [];
    for (const x of noise) {
      const { curves } = await evaluatePrompts({ ...shared(options), spec: arm.spec, weights, noise: x });
      points.push(at(curves[0] as ErrorCurve, last, x));
    }
    series.push({ name: arm.name, group, points });
  }
  const baseline = (found: Baseline, group: number): Series => ({
    name: found.name,
    group,
    line: "dashed",
    points: noise.map((x) => at(evaluateBaseline(task, found, { seed, prompts, noise: x }), last, x)),
  });
  series.push(...task.baselines.map((name, index) => baseline(baselineNamed(name), measured.length + index)));
  return {
    title: `${task.name}: error against noise on the labels`,
    subtitle: subtitleOf(comparison, "; every example given, trained without this noise"),
    x: { title: "standard deviation of the noise", kind: "linear" },
    y: errorAxis(10),
    series,
  };
}

import { mean, median } from "../util/statistics.ts";
import type { BudgetPoint, ModelReport, QualityReport } from "./report.ts";
import { gridUnits, isUniform } from "./trajectory.ts";

type Statistics = Readonly<Record<"best" | "median" | "mean" | "worst", number>>;

/** The trajectories of one model with one number of loops, from the least loss to the greatest. */
export interface Spread {
  readonly model: ModelReport;
  readonly loops: number;
  /** Without a uniform trajectory that lies off the grid: that one is no schedule among equals. */
  readonly points: readonly BudgetPoint[];
  readonly best: BudgetPoint;
  readonly worst: BudgetPoint;
  /** The uniform trajectory, on the grid or off it, when it was measured. */
  readonly uniform: BudgetPoint | undefined;
  /** How many of `points` have less loss than the uniform trajectory. */
  readonly betterThanUniform: number;
}

/** The spread of quality over trajectories, for each model and number of loops, in the report's order. */
export function spreads(report: QualityReport): Spread[] {
  return report.models.flatMap((model) => {
    const loops = [...new Set(model.points.map((point) => point.loops))].sort((a, b) => a - b);
    return loops.map((count) => spreadOf(model, count));
  });
}

function spreadOf(model: ModelReport, loops: number): Spread {
  const all = model.points.filter((point) => point.loops === loops).sort((a, b) => a.loss - b.loss);
  const uniform = all.find((point) => isUniform(point.trajectory));
  const isListed = (point: BudgetPoint) =>
    point !== uniform || gridUnits(point.trajectory, model.trainedLoops) !== undefined;
  const listed = all.filter(isListed);
  const points = listed.length > 0 ? listed : all;
  return {
    model,
    loops,
    points,
    best: points[0] as BudgetPoint,
    worst: points.at(-1) as BudgetPoint,
    uniform,
    betterThanUniform: points.filter((point) => point.loss < (uniform?.loss ?? 0)).length,
  };
}

/** Best, median, mean and worst value of one reading of a spread, where less is better. */
export function statistics({ points }: Spread, metric: "loss" | "perplexity" | "bitsPerByte"): Statistics {
  const values = points.map((point) => point[metric]);
  return {
    best: Math.min(...values),
    median: median(values),
    mean: mean(values),
    worst: Math.max(...values),
  };
}

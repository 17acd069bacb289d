import type { Spec } from "../../models/spec.ts";
import type { Chart } from "../../report/chart.ts";
import type { Findings } from "../../report/report.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { mean } from "../../util/statistics.ts";
import type { Precision, Weights } from "../../util/tensor.ts";
import type { LabRecipe } from "../recipes.ts";

/** A trained model. */
export interface TrainedModel {
  readonly spec: Spec;
  readonly weights: Weights;
}

/** What a figure of the laboratory needs to be measured. */
export interface FigureContext {
  readonly seeds: readonly number[];
  /** Opens a runtime; the figure disposes of it. */
  readonly openRuntime: (precision: Precision) => Promise<Runtime>;
  /** The model of a recipe and a seed, trained now where that has not been done. */
  readonly trained: (recipe: LabRecipe, seed: number) => Promise<TrainedModel>;
  /** Prompts that trained models are measured on; 1,280 by default. */
  readonly prompts?: number;
  /** Sizes far below the published ones, to see that a figure runs; its claims then decide little. */
  readonly isBrief?: boolean;
  /** Called as training and measuring go on. */
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** One figure that can be made again; a new one is an entry in `figures`. */
export interface FigureRecipe {
  readonly name: string;
  readonly summary: string;
  /** How many seeds it takes; 2 by default. */
  readonly seeds?: number;
  /** Measures what the figure shows and decides its claims. */
  measure(context: FigureContext): Promise<Findings>;
}

/** What a figure of one chart found. */
export const findingsOf = (chart: Chart, more: Omit<Findings, "title" | "charts">): Findings => ({
  title: chart.title,
  charts: [chart],
  ...more,
});

/** Where float64 cannot tell a relative difference from none. */
export const resolution = {
  at: Number.EPSILON,
  text: "below the resolution of float64",
  kind: "floor",
} as const;

/** Mean over seeds with the range as its band. */
export function overSeeds(x: number, values: readonly number[]) {
  return { x, y: mean(values), low: Math.min(...values), high: Math.max(...values) };
}

import type { Runtime } from "../../runtime/runtime.ts";
import type { Precision } from "../../util/tensor.ts";
import type { FigureResult } from "../report.ts";

export interface FigureContext {
  readonly seeds: readonly number[];
  /** Opens a runtime; the figure disposes of it. */
  readonly openRuntime: (precision: Precision) => Promise<Runtime>;
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** One figure that can be made again; a new one is an entry in `figures`. */
export interface FigureRecipe {
  readonly name: string;
  readonly summary: string;
  measure(context: FigureContext): Promise<FigureResult>;
}

/** Mean over seeds with the range as its band. */
export function overSeeds(x: number, values: readonly number[]) {
  const y = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { x, y, low: Math.min(...values), high: Math.max(...values) };
}

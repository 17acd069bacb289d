import { named } from "../../util/errors.ts";
import type { Baseline } from "./baseline.ts";
import { averaging, gradientSteps, lasso, leastSquares, newton, ridge } from "./linear.ts";
import { gradientBoosting, greedyTree, nearestNeighbours, repeatLast } from "./local.ts";

/** Every classical algorithm with its usual settings. */
export const baselines: readonly Baseline[] = [
  leastSquares(),
  leastSquares("features"),
  ridge(),
  ridge({ reads: "features" }),
  lasso(),
  averaging,
  gradientSteps(),
  newton(),
  nearestNeighbours(),
  greedyTree(),
  gradientBoosting(),
  repeatLast,
];

/** The classical algorithm of that name. Throws LAB_NAME. */
export const baselineNamed = (name: string): Baseline => named("baseline", baselines, name);

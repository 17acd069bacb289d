import { unknownName } from "../errors.ts";
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
export function baselineNamed(name: string): Baseline {
  const found = baselines.find((one) => one.name === name);
  if (!found)
    throw unknownName(
      "baseline",
      name,
      baselines.map((one) => one.name),
    );
  return found;
}

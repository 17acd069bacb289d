import { mean } from "../../util/statistics.ts";
import { descentErrors } from "./descent.ts";
import type { LinearPrompts, Moments } from "./prompts.ts";

/** The step size that serves best for a number of steps, and the errors that it leaves. */
export interface BestDescent {
  readonly eta: number;
  readonly meanSquare: number;
  /** Squared errors after 0 .. steps steps, [steps + 1, B]. */
  readonly errors: Float64Array;
}

/**
 * Gradient descent with the preconditioner eta diag(`diagonal`) and the one eta for all prompts that leaves the least
 * mean squared error after `steps` steps on these very prompts, which favours it: a grid of sixty steps from 0.005
 * to 5, then golden section.
 */
export function bestDescent(
  prompts: LinearPrompts,
  moments: Moments,
  diagonal: readonly number[],
  steps: number,
): BestDescent {
  const errorsAt = (eta: number) => {
    const rates = diagonal.map((entry) => eta * entry);
    return descentErrors(prompts, moments, () => rates, steps);
  };
  const score = (logEta: number) => {
    const value = mean(errorsAt(Math.exp(logEta)).subarray(steps * prompts.batch));
    return Number.isFinite(value) ? value : Number.MAX_VALUE;
  };
  const [low, high] = [Math.log(0.005), Math.log(5)];
  const grid = Array.from({ length: 60 }, (_, at) => low + ((high - low) * at) / 59);
  const scores = grid.map(score);
  const best = scores.indexOf(Math.min(...scores));
  const eta = Math.exp(
    goldenSection(score, grid[Math.max(0, best - 1)] ?? low, grid[Math.min(59, best + 1)] ?? high),
  );
  const errors = errorsAt(eta);
  return { eta, meanSquare: mean(errors.subarray(steps * prompts.batch)), errors };
}

/** A minimum of a function that has one between `from` and `to`, to a hundred-thousandth. */
function goldenSection(score: (x: number) => number, from: number, to: number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [from, to];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [atLeft, atRight] = [score(left), score(right)];
  while (high - low > 1e-5) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - golden * (high - low);
      atLeft = score(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + golden * (high - low);
      atRight = score(right);
    }
  }
  return (low + high) / 2;
}

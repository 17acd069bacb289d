import { GyreError } from "../util/errors.ts";

export function badTraining(problems: readonly string[]): GyreError {
  return new GyreError("TRAIN_OPTIONS", {
    given: `training options with problems:\n    ${problems.join("\n    ")}`,
    expected: "options as `gyre train --help` lists them",
    fix: "correct the options named above",
  });
}

export function nonFinite(
  step: number,
  what: string,
  value: number,
  checkpoint: number | undefined,
): GyreError {
  return new GyreError("TRAIN_NOT_FINITE", {
    given: `step ${step}: ${what} is ${value}`,
    expected: "finite numbers",
    fix: `lower the learning rate or lengthen the warm-up; last good checkpoint: ${
      checkpoint === undefined ? "none yet" : `step ${checkpoint}`
    }`,
  });
}

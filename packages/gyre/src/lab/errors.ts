import { GyreError, listOf } from "../util/errors.ts";

export function badPreconditioner(length: number, dims: number): GyreError {
  return new GyreError("LAB_CONSTRUCT", {
    given: `a preconditioner of ${length} numbers for inputs of ${dims} coordinates`,
    expected: `${dims * dims} numbers, a [${dims}, ${dims}] matrix row by row, or one step size`,
    fix: "pass the matrix that multiplies the gradient",
  });
}

export function badDraw(option: string, given: number | string, expected: string): GyreError {
  return new GyreError("LAB_DRAW", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}`,
  });
}

export function badLinearTraining(option: string, given: string, expected: string): GyreError {
  return new GyreError("LAB_LINEAR", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}`,
  });
}

export function badBaseline(option: string, given: number, expected: string): GyreError {
  return new GyreError("LAB_BASELINE", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}`,
  });
}

export function noFeatures(baseline: string): GyreError {
  return new GyreError("LAB_FEATURES", {
    given: `the baseline ${JSON.stringify(baseline)} on a problem whose features are not known`,
    expected: "a problem that says what its labels are linear in",
    fix: "leave this baseline out, or take a task with a representation",
  });
}

export function unknownName(kind: string, given: string, legal: readonly string[]): GyreError {
  return new GyreError("LAB_NAME", {
    given: `the ${kind} ${JSON.stringify(given)}`,
    expected: listOf(legal),
    fix: "take one of these names; `gyre lab list` says what they are",
  });
}

import { GyreError } from "../util/errors.ts";

export function badDraw(option: string, given: number | string, expected: string): GyreError {
  return new GyreError("LAB_DRAW", {
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

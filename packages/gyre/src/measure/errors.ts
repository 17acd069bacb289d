import { GyreError } from "../util/errors.ts";

export function badEvaluation(option: string, given: string, expected: string): GyreError {
  return new GyreError("EVAL_OPTION", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}, or leave it out`,
  });
}

export function badLabOption(problems: readonly string[]): GyreError {
  return new GyreError("LAB_OPTIONS", {
    given: `an evaluation with problems:\n    ${problems.join("\n    ")}`,
    expected: "options that fit the spec and the task",
    fix: "correct the options named above",
  });
}

import { GyreError } from "../util/errors.ts";

export function reportInvalid(source: string, problems: readonly string[]): GyreError {
  return new GyreError("EVAL_REPORT", {
    given: `${source}:\n    ${problems.join("\n    ")}`,
    expected: "a report as `gyre eval` writes it, version 1",
    fix: "evaluate the models again, or correct the fields listed above",
  });
}

export function reportKind(given: string, expected: string): GyreError {
  return new GyreError("EVAL_REPORT_KIND", {
    given: `a report of kind ${JSON.stringify(given)}`,
    expected: `a report of kind ${JSON.stringify(expected)}`,
    fix: "pass the report to the figure of its kind",
  });
}

export function reportEmpty(): GyreError {
  return new GyreError("EVAL_REPORT_EMPTY", {
    given: "a report without a single measured point",
    expected: "at least one model with at least one point",
    fix: "evaluate a model first",
  });
}

import { GyreError } from "../util/errors.ts";

export function reportInvalid(source: string, problems: readonly string[]): GyreError {
  return new GyreError("EVAL_REPORT", {
    given: `${source}:\n    ${problems.join("\n    ")}`,
    expected: "a report that gyre wrote, of version 1 or 2",
    fix: "measure the models again, or correct the fields listed above",
  });
}

export function reportNewer(source: string, version: number): GyreError {
  return new GyreError("EVAL_REPORT_VERSION", {
    given: `${source}: a report of version ${version}`,
    expected: "version 1 or 2",
    fix: "use the version of gyre that wrote it, or a newer one",
  });
}

export function reportEmpty(): GyreError {
  return new GyreError("EVAL_REPORT_EMPTY", {
    given: "a report without a single measured point",
    expected: "at least one model with at least one point",
    fix: "evaluate a model first",
  });
}

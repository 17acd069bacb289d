import { GyreError, listOf } from "../util/errors.ts";

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

export function badTokenDraw(
  task: string,
  option: string,
  given: number | string,
  expected: string,
): GyreError {
  return new GyreError("TASK_DRAW", {
    given: `${option} ${given} of the task ${task}`,
    expected,
    fix: `correct ${option}; \`gyre tasks list\` shows the difficulties`,
  });
}

export function unknownTask(given: string, legal: readonly string[]): GyreError {
  return new GyreError("TASK_NAME", {
    given: `the task ${JSON.stringify(given)}`,
    expected: listOf(legal),
    fix: "take one of these names; `gyre tasks list` says what they are",
  });
}

export function needsTexts(task: string): GyreError {
  return new GyreError("TASK_TEXTS", {
    given: `the task ${task}, and no labelled texts`,
    expected: "the folder of labelled texts that it is made of",
    fix: "make it, gyre tasks prepare spam-assassin data/spam, and name it in the place of the task: gyre train data/spam",
  });
}

export function noVariant(task: string, given: string, legal: readonly string[]): GyreError {
  return new GyreError("TASK_VARIANT", {
    given: `${task} in the form ${JSON.stringify(given)}`,
    expected: legal.length > 0 ? listOf(legal) : `${task} as it is; it has one form`,
    fix: legal.length > 0 ? "take one of these forms" : "leave the form out",
  });
}

export function badLine(path: string, line: number, field: string, problem: string): GyreError {
  return new GyreError("TASK_LINE", {
    given: `${path}, line ${line}, ${field}: ${problem}`,
    expected: "one JSON object a line, as docs/tasks.md describes it",
    fix: `correct line ${line}`,
  });
}

import { GyreError, listOf } from "../util/errors.ts";

export function notPrompts(family: string): GyreError {
  return new GyreError("LAB_MODEL", {
    given: `a ${family}, whose tokens come from a vocabulary`,
    expected: "a model whose tokens are vectors",
    fix: "use one of the presets transformer, tiedTransformer, loopedTransformer and algoformer",
  });
}

export function badWindow(window: number, loops: number): GyreError {
  return new GyreError("LAB_WINDOW", {
    given: `a loss over the last ${window} of ${loops} loops`,
    expected: `a whole number from 1 to ${loops}`,
    fix: "shorten the window, or run more loops",
  });
}

export function badBackprop(backprop: number, window: number, loops: number): GyreError {
  return new GyreError("LAB_WINDOW", {
    given: `gradients through the last ${backprop} of ${loops} loops, and a loss over the last ${window}`,
    expected: `a whole number from ${window} to ${loops}`,
    fix: "let gradients reach every loop of the window, and no more loops than there are",
  });
}

export function badReading(readAt: readonly number[], tokens: number): GyreError {
  return new GyreError("LAB_READING", {
    given: `predictions read at [${readAt.join(", ")}] of ${tokens} tokens`,
    expected: `at least one position, each from 0 to ${tokens - 1}`,
    fix: "correct the task's readAt",
  });
}

export function badPromptTraining(problems: readonly string[]): GyreError {
  return new GyreError("LAB_OPTIONS", {
    given: `training options with problems:\n    ${problems.join("\n    ")}`,
    expected: "options of promptTrainingSchema that fit the spec and the task",
    fix: "correct the options named above",
  });
}

export function badLabOption(problems: readonly string[]): GyreError {
  return new GyreError("LAB_OPTIONS", {
    given: `an evaluation with problems:\n    ${problems.join("\n    ")}`,
    expected: "options that fit the spec and the task",
    fix: "correct the options named above",
  });
}

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

export function badLabRecipe(from: string, problems: readonly string[]): GyreError {
  return new GyreError("LAB_RECIPE", {
    given: `${from} with problems:\n    ${problems.join("\n    ")}`,
    expected: "a recipe: name, summary, task, model and training",
    fix: "correct the fields named above",
  });
}

export function badLabRun(path: string, problems: readonly string[]): GyreError {
  return new GyreError("LAB_RUN", {
    given: `${path} with problems in config.json:\n    ${problems.join("\n    ")}`,
    expected: "a run that gyre lab train made",
    fix: "pass the folder of such a run; gyre train and gyre eval are for runs on text",
  });
}

/** The one of that name. Throws LAB_NAME, which lists the others. */
export function named<Item extends { readonly name: string }>(
  kind: string,
  all: readonly Item[],
  name: string,
): Item {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  throw unknownName(
    kind,
    name,
    all.map((one) => one.name),
  );
}

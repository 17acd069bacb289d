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

export function tokenOutside(token: number, vocab: number): GyreError {
  return new GyreError("TRAIN_DATA", {
    given: `data with the token ${token}`,
    expected: `tokens from 0 to ${vocab - 1}, the spec's vocabulary`,
    fix: "build the spec with the vocabulary of the data's tokenizer",
  });
}

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

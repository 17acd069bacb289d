import { GyreError } from "../util/errors.ts";

export function badSpec(problems: readonly string[]): GyreError {
  return new GyreError("SPEC_INVALID", {
    given: `a model spec with problems:\n    ${problems.join("\n    ")}`,
    expected: "a spec as docs/architecture.md describes it",
    fix: "correct the fields named above",
  });
}

export function badTrajectory(given: readonly number[], expected: string): GyreError {
  return new GyreError("TRAJECTORY", {
    given: `the trajectory ${given.join(",")}`,
    expected,
    fix: "pass positive step sizes that sum to 1, for example 0.5,0.25,0.25",
  });
}

export function badLoops(loops: number, family: string, expected: string): GyreError {
  return new GyreError("LOOPS", {
    given: `${loops} loops of a ${family} model`,
    expected,
    fix: "ask for a number of loops that this model has",
  });
}

export function contextExceeded(tokens: number, context: number): GyreError {
  return new GyreError("CONTEXT", {
    given: `${tokens} tokens`,
    expected: `at most ${context}, the model's context`,
    fix: "shorten the text, or train a model with a longer context",
  });
}

export function readsVectors(family: string): GyreError {
  return new GyreError("MODEL_VECTORS", {
    given: `a ${family} whose tokens are vectors`,
    expected: "a model of tokens from a vocabulary",
    fix: "train and evaluate it on prompts; only language models have logits and texts",
  });
}

export function badTrajectoryLoops(loops: number, grid: number): GyreError {
  return new GyreError("TRAJECTORY", {
    given: `trajectories of ${loops} loops on the 1/${grid} grid`,
    expected: `a whole number of loops from 1 to ${grid}`,
    fix: "ask for no more loops than the model was trained with",
  });
}

export function notPrompts(family: string): GyreError {
  return new GyreError("LAB_MODEL", {
    given: `a ${family}, whose tokens come from a vocabulary`,
    expected: "a model whose tokens are vectors",
    fix: "use one of the presets transformer, tiedTransformer, loopedTransformer and algoformer",
  });
}

export function badReading(readAt: readonly number[], tokens: number): GyreError {
  return new GyreError("LAB_READING", {
    given: `predictions read at [${readAt.join(", ")}] of ${tokens} tokens`,
    expected: `at least one position, each from 0 to ${tokens - 1}`,
    fix: "correct the task's readAt",
  });
}

import { GyreError } from "../util/errors.ts";

export function badTraining(problems: readonly string[]): GyreError {
  return new GyreError("TRAIN_OPTIONS", {
    given: `training options with problems:\n    ${problems.join("\n    ")}`,
    expected: "options as `gyre train --help` lists them",
    fix: "correct the options named above",
  });
}

export function badRecipe(path: string, problem: string): GyreError {
  return new GyreError("RECIPE", {
    given: `the recipe ${path}: ${problem}`,
    expected: 'a JSON file {"model": {...}, "training": {...}} with fields of a spec and of training options',
    fix: "correct the file; recipes/ has examples",
  });
}

export function nonFinite({ step, what, value, checkpoint, origin }: NonFinite): GyreError {
  return new GyreError("TRAIN_NOT_FINITE", {
    given: `step ${step}: ${what} is ${value}${origin === "" ? "" : `, on ${origin}`}`,
    expected: "finite numbers",
    fix: `lower the learning rate or lengthen the warm-up; last good checkpoint: ${
      checkpoint === 0 ? "none yet" : `step ${checkpoint}`
    }`,
  });
}

interface NonFinite {
  readonly step: number;
  readonly what: string;
  readonly value: number;
  /** The step that was saved last; 0 where none was. */
  readonly checkpoint: number;
  /** What the step read, in words. */
  readonly origin: string;
}

export function ranksUneven(microBatches: number, ranks: number): GyreError {
  const next = Math.ceil(microBatches / ranks) * ranks;
  const fitting = Array.from({ length: microBatches }, (_, index) => index + 1).filter(
    (count) => microBatches % count === 0,
  );
  return new GyreError("RANKS_UNEVEN", {
    given: `${microBatches} micro-batch${microBatches === 1 ? "" : "es"} a step, and ${ranks} ranks`,
    expected: `as many for each rank, which ${fitting.join(", ")} rank${microBatches === 1 ? "" : "s"} would have`,
    fix: `pass --micro-batches ${next}, with a smaller --batch if a step should have as many tokens as before, or start another number of ranks`,
  });
}

export function tokenOutside(token: number, vocab: number): GyreError {
  return new GyreError("TRAIN_DATA", {
    given: `data with the token ${token}`,
    expected: `tokens from 0 to ${vocab - 1}, the spec's vocabulary`,
    fix: "build the spec with the vocabulary of the data's tokenizer",
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

export function badPromptTraining(problems: readonly string[]): GyreError {
  return new GyreError("LAB_OPTIONS", {
    given: `training options with problems:\n    ${problems.join("\n    ")}`,
    expected: "options of promptTrainingSchema that fit the spec and the task",
    fix: "correct the options named above",
  });
}

export function contextTooLong(context: number, maskBytes: number, fitting: string | undefined): GyreError {
  return new GyreError("TRAIN_CONTEXT", {
    given: `a context of ${context.toLocaleString("en")}, whose masks of attention take ${gib(maskBytes)} in a graph`,
    expected: "at most 1.98 GiB of masks, as ONNX ends at 2 GiB: some 32,000 tokens",
    fix: fitting === undefined ? "use a shorter context" : `use ${fitting}`,
  });
}

export function tooLittleMemory({
  what,
  needs: { fixedBytes, stepBytes },
  memoryBytes,
  fitting,
}: {
  readonly what: string;
  readonly needs: { readonly fixedBytes: number; readonly stepBytes: number };
  readonly memoryBytes: number;
  /** Changes that would make it fit, in words. */
  readonly fitting: readonly string[];
}): GyreError {
  return new GyreError("TRAIN_MEMORY", {
    given: `${what}, which takes about ${gib(fixedBytes + stepBytes)}`,
    expected: `one that fits into the ${gib(memoryBytes)} of this machine`,
    fix:
      fitting.length > 0
        ? `use ${fitting.join(", or ")}`
        : `use a smaller model, or a larger machine: without any activation this one takes ${gib(fixedBytes)}`,
  });
}

const gib = (bytes: number): string => `${Number((bytes / 2 ** 30).toPrecision(3)).toLocaleString("en")} GiB`;

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

export function badRunConfig(path: string, problems: readonly string[]): GyreError {
  return new GyreError("RUN_CONFIG", {
    given: `${path}/config.json with problems:\n    ${problems.join("\n    ")}`,
    expected: "the config of a run of this version of gyre",
    fix: "use the run as gyre wrote it, or train a new one",
  });
}

export function runShape(path: string, problems: readonly string[]): GyreError {
  return new GyreError("RUN_SHAPE", {
    given: `a checkpoint of ${path} that does not fit its config:\n    ${problems.join("\n    ")}`,
    expected: "every parameter of the spec, and no other tensor",
    fix: "restore config.json as gyre wrote it",
  });
}

export function dataChanged(path: string, problem: string): GyreError {
  return new GyreError("RUN_DATA", {
    given: `the run ${path}: ${problem}`,
    expected: "the dataset that the run was trained on, or one with the same tokenizer",
    fix: "name the dataset with --data, or prepare it as it was",
  });
}

export function noTokenizer(folder: string, vocab: number): GyreError {
  return new GyreError("IMPORT_TOKENIZER", {
    given: `${folder}: a vocabulary of ${vocab} without a tokenizer.json`,
    expected: "the vocabulary of GPT-2 (50257 to 50304) or of bytes (257), or a tokenizer.json in the folder",
    fix: "pass --tokenizer gpt2, bytes or the path of a tokenizer.json",
  });
}

export function vocabularyMismatch(kind: string, given: number, vocab: number): GyreError {
  return new GyreError("IMPORT_TOKENIZER", {
    given: `a ${kind} tokenizer of ${given} entries for a model with a vocabulary of ${vocab}`,
    expected: `a tokenizer of at most ${vocab} entries`,
    fix: "pass the tokenizer that the model was trained with",
  });
}

export function notComparable(path: string, first: string, problem: string): GyreError {
  return new GyreError("EVAL_COMPARE", {
    given: `${path} beside ${first}: ${problem}`,
    expected: "runs with the same context, evaluated on the same dataset",
    fix: "evaluate them one by one, or name a dataset for all with --data",
  });
}

export function badCalibration(path: string, cause: unknown): GyreError {
  return new GyreError(
    "RUN_CALIBRATION",
    { given: path, expected: "a calibration as gyre calibrate writes it", fix: "calibrate the run again" },
    { cause },
  );
}

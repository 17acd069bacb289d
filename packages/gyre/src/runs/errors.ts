import { GyreError, reasonOf } from "../util/errors.ts";

const quote = (text: string) => JSON.stringify(text);

export function checkpointOption(name: string, value: unknown, expected: string): GyreError {
  return new GyreError("CHECKPOINT_OPTION", {
    given: `${name}: ${String(value)}`,
    expected,
    fix: `pass ${name} as ${expected}`,
  });
}

export function checkpointCorrupt(path: string, problems: readonly string[]): GyreError {
  return new GyreError("CHECKPOINT_CORRUPT", {
    given: `${path}:\n    ${problems.join("\n    ")}`,
    expected: "at least one undamaged checkpoint",
    fix: "restore the directory from a copy, or start the run again",
  });
}

export function runExists(path: string): GyreError {
  return new GyreError("RUN_EXISTS", {
    given: `${path} already holds a run`,
    expected: "a path where no run is yet",
    fix: "resume the run, choose another path, or lose it and start over: --force, in the library force: true",
  });
}

export function runNotEmpty(path: string): GyreError {
  return new GyreError("RUN_NOT_EMPTY", {
    given: `${path} holds something that is not a run`,
    expected: "an empty or a new directory",
    fix: "choose another path; what is not a run is never deleted",
  });
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

export function runLocked(folder: string, holder: Holder | undefined): GyreError {
  const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "another process";
  return new GyreError("RUN_LOCKED", {
    given: `${folder} is written to by ${who}`,
    expected: "a run that no other process writes to",
    fix: `wait for that process or stop it; if it is gone from its machine, delete ${folder}/lock`,
  });
}

export function runKind(path: string, kind: string, expected: readonly string[]): GyreError {
  const commands =
    { prompts: "gyre lab eval and gyre lab train", task: "gyre eval and gyre train" }[kind] ??
    "gyre eval, generate and serve";
  return new GyreError("RUN_KIND", {
    given: `${path}, a run of kind ${kind}`,
    expected: `a run of kind ${expected.join(" or ")}`,
    fix: `name another run; ${commands} are for this one`,
  });
}

export function otherVersion(path: string, version: unknown, known: number): GyreError {
  const given = version === undefined ? "without a version" : `of version ${JSON.stringify(version)}`;
  return new GyreError("RUN_CONFIG", {
    given: `${path}/config.json ${given}`,
    expected: `a run's config of version ${known} or earlier`,
    fix: "use a version of gyre that knows this one, or name the folder of a run",
  });
}

export function runMissing(path: string, files: readonly string[]): GyreError {
  return new GyreError("RUN_MISSING", {
    given: `no run at ${path}`,
    expected: `a directory with ${files.join(" and ")}`,
    fix: "check the path, or create the run first",
  });
}

export function runNoCheckpoint(path: string): GyreError {
  return new GyreError("RUN_NO_CHECKPOINT", {
    given: `the run at ${path} has no checkpoint yet`,
    expected: "a run that has saved a checkpoint",
    fix: "train until the first checkpoint is saved",
  });
}

export function noBest(path: string): GyreError {
  return new GyreError("RUN_NO_BEST", {
    given: `the run at ${path} has no best checkpoint`,
    expected: "a run that was measured on held-out data while it trained",
    fix: "use its latest checkpoint; gyre train --eval-every N measures, and keeps the best",
  });
}

export function noStep(path: string, step: number, there: readonly number[]): GyreError {
  return new GyreError("RUN_NO_STEP", {
    given: `the run at ${path} has no checkpoint of step ${step}`,
    expected:
      there.length > 0 ? `one of step ${[...new Set(there)].reverse().join(", ")}` : "a run that was saved",
    fix: "take one of these; training keeps the two newest checkpoints and the best",
  });
}

export function noEma(path: string): GyreError {
  return new GyreError("RUN_NO_EMA", {
    given: `the run at ${path} keeps no moving averages of its weights`,
    expected: "a run that was trained with --ema-decay",
    fix: "use its last weights: leave out --weights, or pass --weights last",
  });
}

export function runNoMetrics(path: string): GyreError {
  return new GyreError("RUN_NO_METRICS", {
    given: `the run at ${path} has no step in its metrics.jsonl`,
    expected: "a run that was trained here, for one step at least",
    fix: "train it; an imported model has no curve",
  });
}

export function runDamaged(path: string, problem: string, cause?: unknown): GyreError {
  return new GyreError(
    "RUN_DAMAGED",
    {
      given: `${path}: ${problem}`,
      expected: "the file as it was written",
      fix: "restore the file from a copy, or correct it by hand",
    },
    cause === undefined ? undefined : { cause },
  );
}

export function runFileName(name: string): GyreError {
  return new GyreError("RUN_FILE_NAME", {
    given: `the file name ${quote(name)}`,
    expected: "letters, digits, dots, dashes and underscores, beginning with a letter or digit",
    fix: "pass a plain file name without a directory",
  });
}

export function runFileMissing(path: string): GyreError {
  return new GyreError("RUN_FILE_MISSING", {
    given: `no file ${path}`,
    expected: "a file that was saved with the run",
    fix: "save the file with writeExtra first",
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
    expected: "the dataset that the run was trained on, or, to measure it, one with the same tokenizer",
    fix: "name that dataset with --data, or prepare it as it was",
  });
}

export function dataMissing(path: string, problem: string): GyreError {
  return new GyreError("RUN_DATA", {
    given: `the run ${path}: ${problem}`,
    expected: "the folder of a dataset",
    fix: "name it with --data; a checksum tells whether it is the one",
  });
}

export function textsNotExported(path: string): GyreError {
  return new GyreError("EXPORT_TEXTS", {
    given: `the run ${path}, whose task is made of labelled texts`,
    expected:
      "a run on text or on a generated task: an official folder has no place for classes beside a tokenizer",
    fix: "take the run's own folder along, and that of its texts",
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

export function badImportTask(folder: string, task: string, problems: readonly string[]): GyreError {
  return new GyreError("IMPORT_TASK", {
    given: `${folder} as a model of ${task}, with problems:\n    ${problems.join("\n    ")}`,
    expected: "the task, in the form and up to the difficulty, that the model was trained on",
    fix: "name it with --task, --group or --variant, and --difficulty",
  });
}

export function notComparable(path: string, first: string, problem: string): GyreError {
  return new GyreError("EVAL_COMPARE", {
    given: `${path} beside ${first}: ${problem}`,
    expected: "runs with the same context, evaluated on the same dataset",
    fix: "evaluate them one by one, or name a dataset for all with --data",
  });
}

export function runNoReport(path: string): GyreError {
  return new GyreError("RUN_NO_REPORT", {
    given: `no report on ${path} at every budget, in its folder of reports or beside it`,
    expected: "runs that were measured",
    fix: `measure it first: gyre eval ${path}`,
  });
}

export function noCommonReport(paths: readonly string[]): GyreError {
  return new GyreError("EVAL_COMPARE", {
    given: `${paths.join(", ")}: measured, but never on the same data under the same protocol`,
    expected: "runs whose reports agree in data, tokens, context and stride, or in task and problems",
    fix: `measure them together: gyre eval ${paths.join(" ")}`,
  });
}

export function badCalibration(path: string, cause: unknown): GyreError {
  return new GyreError(
    "RUN_CALIBRATION",
    { given: path, expected: "a calibration as gyre calibrate writes it", fix: "calibrate the run again" },
    { cause },
  );
}

export function badUrl(url: string, cause?: unknown): GyreError {
  return new GyreError(
    "FETCH_URL",
    {
      given: `the URL ${quote(url)}`,
      expected: "the http or https URL of a folder; in a page it may be relative to the page",
      fix: "pass the folder's address, as in https://example.org/models/first/",
    },
    cause === undefined ? undefined : { cause },
  );
}

export function fetchUnreachable(url: string, cause: unknown): GyreError {
  const { cause: inner } = cause as { readonly cause?: unknown };
  return new GyreError(
    "FETCH_UNREACHABLE",
    {
      given: `${url}: no answer (${reasonOf(inner ?? cause)})`,
      expected: "a server that answers, and lets this page read its files",
      fix: "check the network and the address; a server of another origin must send Access-Control-Allow-Origin",
    },
    { cause },
  );
}

export function fetchStatus(url: string, answer: string): GyreError {
  return new GyreError("FETCH_STATUS", {
    given: `${url}: ${answer}`,
    expected: "the file",
    fix: "pass the URL of a run's folder or of an exported model's, and see that the server offers all its files",
  });
}

export function brokenDownload(
  url: string,
  loaded: number,
  total: number | undefined,
  cause: unknown,
): GyreError {
  return new GyreError(
    "FETCH_BROKEN",
    {
      given: `${url}: the connection ended after ${loaded} bytes`,
      expected: total === undefined ? "the whole file" : `${total} bytes`,
      fix: "fetch the model again; what was in the cache is still there",
    },
    { cause },
  );
}

export function fetchedOther(url: string, given: string, expected: string): GyreError {
  return new GyreError("FETCH_CHECKSUM", {
    given: `${url}: the checksum ${given}`,
    expected,
    fix: "fetch it again; if that does not help, copy the folder to the server again",
  });
}

export function fetchedFormat(url: string, given: string, expected: string, cause?: unknown): GyreError {
  return new GyreError(
    "FETCH_FORMAT",
    {
      given: `${url}: ${given}`,
      expected,
      fix: "check that the URL is that of a run's folder or of an exported model's",
    },
    cause === undefined ? undefined : { cause },
  );
}

export function fetchMemory(url: string, bytes: number, cause: unknown): GyreError {
  return new GyreError(
    "FETCH_MEMORY",
    {
      given: `${url}: no room for ${bytes} bytes`,
      expected: "as much memory for the page",
      fix: "close other tabs, or take a smaller model or one in float16",
    },
    { cause },
  );
}

export function modelTooLarge(url: string, bytes: number, most: number): GyreError {
  const mib = (count: number) => `${Math.ceil(count / 2 ** 20)} MiB`;
  return new GyreError("FETCH_TOO_LARGE", {
    given: `${url}: ${mib(bytes)} of weights in float32`,
    expected: `at most ${mib(most)}; nothing was downloaded`,
    fix: "take a smaller model, or raise mostBytes where the machine has three times as much memory free",
  });
}

export function noFetchedTokenizer(url: string, answer: string, what: string): GyreError {
  return new GyreError("FETCH_TOKENIZER", {
    given: `${url}: ${answer}, for ${what}`,
    expected: "a tokenizer.json beside the model, unless its vocabulary is that of bytes",
    fix: "put the tokenizer.json there, or pass the option tokenizer",
  });
}

export function fetchOption(name: string, value: unknown, expected: string): GyreError {
  return new GyreError("FETCH_OPTION", {
    given: `${name}: ${String(value)}`,
    expected,
    fix: `leave ${name} out or correct it`,
  });
}

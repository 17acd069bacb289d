import { GyreError, listOf } from "../util/errors.ts";

const show = (shape: readonly number[]) => `[${shape.join(", ")}]`;
const quote = (text: string) => JSON.stringify(text);
const completeFile = "copy or download the file again; it may have been cut short or be another format";
const rewriteFile = "write the file again with a safetensors library";

export function safetensorsTooShort(source: string, length: number): GyreError {
  return new GyreError("SAFETENSORS_TOO_SHORT", {
    given: `${source}: ${length} bytes`,
    expected: "at least 8 bytes that hold the length of the header",
    fix: completeFile,
  });
}

export function safetensorsHeaderLength(source: string, header: bigint, most: number): GyreError {
  return new GyreError("SAFETENSORS_HEADER_LENGTH", {
    given: `${source}: a header of ${header} bytes`,
    expected: `a header of at most ${most} bytes, which is what the file has room for (and never above 100 MB)`,
    fix: completeFile,
  });
}

export function safetensorsHeader(source: string, problem: string, cause?: unknown): GyreError {
  return new GyreError(
    "SAFETENSORS_HEADER",
    {
      given: `${source}: ${problem}`,
      expected: 'a JSON header {"NAME": {"dtype", "shape", "data_offsets"}, "__metadata__": {"KEY": "TEXT"}}',
      fix: rewriteFile,
    },
    cause === undefined ? undefined : { cause },
  );
}

export function safetensorsDuplicate(source: string, name: string): GyreError {
  return new GyreError("SAFETENSORS_DUPLICATE", {
    given: `${source}: ${quote(name)} stands twice in the header`,
    expected: "each name once",
    fix: rewriteFile,
  });
}

export function safetensorsDType(
  source: string,
  name: string,
  dtype: string,
  legal: readonly string[],
): GyreError {
  return new GyreError("SAFETENSORS_DTYPE", {
    given: `${source}: tensor ${quote(name)} of dtype ${quote(dtype)}`,
    expected: `one of ${listOf(legal)}`,
    fix: "convert the tensor to one of these dtypes",
  });
}

export function safetensorsSize(
  source: string,
  name: string,
  dtype: string,
  shape: readonly number[],
  bytes: number,
  expected: number | undefined,
): GyreError {
  return new GyreError("SAFETENSORS_SIZE", {
    given: `${source}: tensor ${quote(name)} ${dtype} ${show(shape)} in ${bytes} bytes`,
    expected:
      expected === undefined ? "a shape that fills whole bytes and can be addressed" : `${expected} bytes`,
    fix: "correct the shape, the dtype or the data of this tensor",
  });
}

export function safetensorsOffsets(source: string, name: string, problem: string): GyreError {
  return new GyreError("SAFETENSORS_OFFSETS", {
    given: `${source}: tensor ${quote(name)} ${problem}`,
    expected: "tensors that follow each other without gap or overlap, inside the file",
    fix: completeFile,
  });
}

export function safetensorsTrailing(source: string, bytes: number): GyreError {
  return new GyreError("SAFETENSORS_TRAILING", {
    given: `${source}: ${bytes} bytes after the last tensor`,
    expected: "a file that ends with its last tensor",
    fix: completeFile,
  });
}

export function safetensorsReservedName(name: string): GyreError {
  return new GyreError("SAFETENSORS_NAME", {
    given: `a tensor named ${quote(name)}`,
    expected: `any other name: the format keeps ${quote(name)} for metadata`,
    fix: "rename the tensor",
  });
}

export function safetensorsStaleHeader(problem: string): GyreError {
  return new GyreError("SAFETENSORS_STALE_HEADER", {
    given: `a header that does not describe the content: ${problem}`,
    expected: "the header of a file whose names, dtypes, shapes and metadata are unchanged",
    fix: "leave `header` out, so that a new one is made",
  });
}

/** A PyTorch file where safetensors is expected; the fix is the conversion, ready to run. */
export function torchFile(source: string): GyreError {
  return new GyreError("CHECKPOINT_TORCH", {
    given: `${source}: a PyTorch file (pickle)`,
    expected: "a safetensors file",
    fix: `convert it, if you trust where it comes from (a pickle can run code):
    import torch, safetensors.torch
    loaded = torch.load("model.pt", map_location="cpu", weights_only=False)
    weights = {name: value.clone().contiguous() for name, value in loaded.get("model", loaded).items()}
    safetensors.torch.save_file(weights, "model.safetensors", metadata={"format": "pt"})`,
  });
}

export function tensorDType(name: string, dtype: string, legal: readonly string[]): GyreError {
  return new GyreError("CHECKPOINT_DTYPE", {
    given: `tensor ${quote(name)} of dtype ${quote(dtype)}`,
    expected: listOf(legal),
    fix: "convert the tensor to one of these dtypes before it is stored, or read another tensor",
  });
}

export function integerRange(name: string, value: bigint | number): GyreError {
  return new GyreError("CHECKPOINT_INT_RANGE", {
    given: `tensor ${quote(name)} holds ${value}`,
    expected: "whole numbers from -2147483648 to 2147483647",
    fix: "store smaller numbers",
  });
}

export function tensorLength(shape: readonly number[], length: number): GyreError {
  return new GyreError("CHECKPOINT_LENGTH", {
    given: `${length} numbers for the shape ${show(shape)}`,
    expected: "as many numbers as the shape has elements",
    fix: "pass the shape of the data",
  });
}

export function checkpointMismatch(problems: readonly string[]): GyreError {
  return new GyreError("CHECKPOINT_MISMATCH", {
    given: `tensors that do not fit the model:\n    ${problems.join("\n    ")}`,
    expected: "every tensor of the model, in its shape, and no other",
    fix: "check that the config (layers, width, context, vocabulary, kind of model) belongs to these weights",
  });
}

export function officialConfigInvalid(source: string, problems: readonly string[]): GyreError {
  return new GyreError("CHECKPOINT_CONFIG", {
    given: `${source}:\n    ${problems.join("\n    ")}`,
    expected: "the config.json of a LoopFormer model or of one of its baselines",
    fix: "correct the fields listed above",
  });
}

export function officialFolder(folder: string, problem: string): GyreError {
  return new GyreError("OFFICIAL_FOLDER", {
    given: `${folder}: ${problem}`,
    expected: "a folder with config.json and model.safetensors",
    fix: "pass the folder of a model as downloaded from the Hugging Face hub, or as `gyre export` writes it",
  });
}

export function shardedWeights(path: string): GyreError {
  return new GyreError("CHECKPOINT_SHARDED", {
    given: `${path}: weights in several files`,
    expected: "all weights in one model.safetensors",
    fix: `join them:
    import json, safetensors.torch
    files = set(json.load(open("model.safetensors.index.json"))["weight_map"].values())
    weights = {name: value for file in files for name, value in safetensors.torch.load_file(file).items()}
    safetensors.torch.save_file(weights, "model.safetensors", metadata={"format": "pt"})`,
  });
}

export function officialExists(path: string): GyreError {
  return new GyreError("OFFICIAL_EXISTS", {
    given: `${path} exists`,
    expected: "a folder without a model in it",
    fix: "choose another folder, or pass `force` to replace it",
  });
}

export function cannotRead(path: string, cause: unknown): GyreError {
  return new GyreError(
    "CHECKPOINT_READ",
    {
      given: `${path}: ${reason(cause)}`,
      expected: "a file that can be read",
      fix: "check the path and its permissions",
    },
    { cause },
  );
}

export function cannotWrite(path: string, cause: unknown): GyreError {
  return new GyreError(
    "CHECKPOINT_WRITE",
    {
      given: `${path}: ${reason(cause)}`,
      expected: "a file path in an existing, writable directory with room on the disk",
      fix: "check the path, its permissions and the free space; what was there before is unchanged",
    },
    { cause },
  );
}

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
    fix: "resume the run, choose another path, or pass `force` to start over and lose it",
  });
}

export function runNotEmpty(path: string): GyreError {
  return new GyreError("RUN_NOT_EMPTY", {
    given: `${path} holds something that is not a run`,
    expected: "an empty or a new directory",
    fix: "choose another path; `force` does not delete what is not a run",
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

export function notJson(what: string, cause?: unknown): GyreError {
  return new GyreError(
    "RUN_JSON",
    {
      given: `${what} that cannot be written as JSON`,
      expected: "plain objects, arrays, texts, numbers, booleans and null",
      fix: "leave out functions, bigints and cycles",
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

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

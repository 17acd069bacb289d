import { GyreError, listOf, reasonOf } from "../util/errors.ts";

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

export function cannotRead(path: string, cause: unknown): GyreError {
  return new GyreError(
    "CHECKPOINT_READ",
    {
      given: `${path}: ${reasonOf(cause)}`,
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
      given: `${path}: ${reasonOf(cause)}`,
      expected: "a file path in an existing, writable directory with room on the disk",
      fix: "check the path, its permissions and the free space; what was there before is unchanged",
    },
    { cause },
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

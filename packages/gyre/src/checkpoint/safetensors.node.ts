import { extname } from "node:path";
import { sha256Of } from "../util/checksum.node.ts";
import { GyreError } from "../util/errors.ts";
import type { Tensor } from "../util/tensor.ts";
import { cannotRead, torchFile } from "./errors.ts";
import { allocate, openFile, readInto, writeDurably, writeFileAtomic } from "./files.node.ts";
import {
  dataStart,
  readHeader,
  type SafetensorsFile,
  type StoredTensor,
  safetensorsPieces,
  toFloat32,
} from "./safetensors.ts";
import type { TensorEntry } from "./safetensors-header.ts";

const torchExtensions = [".pt", ".pth", ".ckpt"];

/** A safetensors file whose header was read and checked against the file's size; tensors are read one by one. */
export interface OpenSafetensors extends AsyncDisposable {
  readonly entries: readonly TensorEntry[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** The header's text. */
  readonly header: string;
  /** One tensor, in memory of its own. Throws CHECKPOINT_READ, also for a tensor above 4 GiB. */
  read(entry: TensorEntry): Promise<StoredTensor>;
}

/** Opens a safetensors file of any size. Throws CHECKPOINT_READ, CHECKPOINT_TORCH or SAFETENSORS_*, naming the path. */
export async function openSafetensorsFile(path: string): Promise<OpenSafetensors> {
  const { file, size } = await openFile(path);
  const read = async (from: number, length: number, what: string) => {
    const bytes = allocate(length, what);
    const count = await readInto(bytes, { file, from, path: what });
    if (count < length) throw cannotRead(what, `it ends after ${from + count} of ${size} bytes`);
    return bytes;
  };
  try {
    const prefix = await read(0, Math.min(size, 8), path);
    const start = dataStart(prefix, { size, source: path });
    const { header, entries, metadata } = readHeader(await read(8, start - 8, path), {
      dataLength: size - start,
      source: path,
    });
    return {
      entries,
      ...(metadata === undefined ? {} : { metadata }),
      header,
      async read({ name, dtype, shape, begin, end }) {
        const what = `${path}: tensor ${JSON.stringify(name)}`;
        return { dtype, shape, bytes: await read(start + begin, end - begin, what) };
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    const isTorch = torchExtensions.includes(extname(path).toLowerCase());
    if (isTorch && error instanceof GyreError && error.code !== "CHECKPOINT_READ") throw torchFile(path);
    throw error;
  }
}

/** Reads a whole safetensors file. Throws CHECKPOINT_READ, CHECKPOINT_TORCH or SAFETENSORS_*, naming the path. */
export async function readSafetensorsFile(path: string): Promise<SafetensorsFile> {
  await using file = await openSafetensorsFile(path);
  const { entries, metadata, header } = file;
  const tensors = new Map<string, StoredTensor>();
  for (const entry of entries) tensors.set(entry.name, await file.read(entry));
  return { tensors, ...(metadata === undefined ? {} : { metadata }), header };
}

/** All tensors of a file as float32, without ever holding the file. Throws also CHECKPOINT_DTYPE, for whole numbers. */
export async function readFloatTensors(path: string): Promise<Map<string, Tensor<Float32Array>>> {
  await using file = await openSafetensorsFile(path);
  const tensors = new Map<string, Tensor<Float32Array>>();
  for (const entry of file.entries) {
    const { name, shape } = entry;
    tensors.set(name, { data: toFloat32(await file.read(entry), name), shape });
  }
  return tensors;
}

/** Writes a safetensors file of any size atomically. Throws CHECKPOINT_WRITE or SAFETENSORS_*. */
export async function writeSafetensorsFile(path: string, file: SafetensorsFile): Promise<void> {
  await writeFileAtomic(path, safetensorsPieces(file));
}

/** Writes a new safetensors file and waits until it is on the disk; returns its SHA-256. Throws SAFETENSORS_*. */
export async function writeNewSafetensors(path: string, file: SafetensorsFile): Promise<string> {
  const pieces = safetensorsPieces(file);
  await writeDurably(path, pieces);
  return sha256Of(...pieces);
}

import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { GyreError } from "../util/errors.ts";
import { cannotRead, cannotWrite, torchFile } from "./errors.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "./safetensors.ts";

const torchExtensions = [".pt", ".pth", ".ckpt"];
const readChunk = 2 ** 30;
let temporaries = 0;

/**
 * Replaces a file in one step: whoever reads `path` finds the old content or the new, never a part. The bytes
 * are on the disk when the promise resolves. Throws CHECKPOINT_WRITE and leaves what was there.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${temporaries++}.tmp`);
  try {
    await writeDurably(temporary, content);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cannotWrite(path, cause);
  }
}

/** Writes a new file and waits until it is on the disk. */
export async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames and new files in a directory survive a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // Windows cannot open a directory as a file.
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The bytes of a file of any size (fs.readFile stops at 2 GiB). Throws CHECKPOINT_READ. */
export async function readBytes(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const bytes = new Uint8Array((await file.stat()).size);
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(readChunk, bytes.length - at), at);
      if (bytesRead === 0) return bytes.subarray(0, at);
      at += bytesRead;
    }
    return bytes;
  } catch (cause) {
    throw cannotRead(path, cause);
  } finally {
    await file?.close();
  }
}

/** Reads a safetensors file. Throws CHECKPOINT_READ, CHECKPOINT_TORCH or SAFETENSORS_*, naming the path. */
export async function readSafetensorsFile(path: string): Promise<SafetensorsFile> {
  const bytes = await readBytes(path);
  try {
    return decodeSafetensors(bytes, path);
  } catch (error) {
    const isTorch = torchExtensions.includes(extname(path).toLowerCase());
    if (isTorch && error instanceof GyreError) throw torchFile(path);
    throw error;
  }
}

/** Writes a safetensors file atomically. Throws CHECKPOINT_WRITE or SAFETENSORS_*. */
export async function writeSafetensorsFile(path: string, file: SafetensorsFile): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(file));
}

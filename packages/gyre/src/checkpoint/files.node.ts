import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { openRegular } from "../util/files.node.ts";
import { isRunning } from "../util/processes.node.ts";
import { cannotRead, cannotWrite } from "./errors.ts";

/** What a file is made of: a text, bytes, or pieces of bytes one after the other. */
export type Content = string | Uint8Array | Iterable<Uint8Array>;

/** Linux reads at most 2 GiB in one call. */
const readChunk = 2 ** 30;
const hashChunk = 2 ** 24;
/** What a temporary name stands for, and the process that made it. */
const temporaryPattern = /^\.(.+)\.(\d+)\.[0-9a-f]+\.tmp$/;

/** A name beside `path` that nothing has yet; what a crash leaves under it, `removeTemporaries` knows. */
export const temporaryPath = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`);

/** The temporary files and folders in a folder: of `of` alone, if it is given. Missing folders have none. */
export async function temporariesIn(
  folder: string,
  of?: string,
): Promise<{ readonly name: string; readonly of: string; readonly pid: number }[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => {
    const [, base, pid] = temporaryPattern.exec(name) ?? [];
    return base === undefined || (of ?? base) !== base ? [] : [{ name, of: base, pid: Number(pid) }];
  });
}

/**
 * Deletes temporary files and folders that nobody writes any more: those of processes that are gone, and of this one,
 * which may have the id of one that is gone.
 */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const { name, pid } of await temporariesIn(folder)) {
    if (pid === process.pid || !isRunning(pid))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Replaces a file in one step: whoever reads `path` finds the old content or the new, never a part. The bytes
 * are on the disk when the promise resolves. Throws CHECKPOINT_WRITE and leaves what was there.
 */
export async function writeFileAtomic(path: string, content: Content): Promise<void> {
  const temporary = temporaryPath(path);
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
export async function writeDurably(path: string, content: Content): Promise<void> {
  const file = await open(path, "wx");
  try {
    const isWhole = typeof content === "string" || content instanceof Uint8Array;
    for (const piece of isWhole ? [content] : content) await file.writeFile(piece);
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

/** Opens a file for reading. A pipe or a device, which might never answer, is CHECKPOINT_READ. */
export async function openFile(path: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const file = await openRegular(path).catch((cause: unknown) => {
    throw cannotRead(path, cause);
  });
  return { file, size: (await file.stat()).size };
}

/** Fills `bytes` from byte `from` of a file on; returns how many there were. Throws CHECKPOINT_READ. */
export async function readInto(
  bytes: Uint8Array,
  { file, from, path }: { readonly file: FileHandle; readonly from: number; readonly path: string },
): Promise<number> {
  let at = 0;
  try {
    while (at < bytes.length) {
      const length = Math.min(readChunk, bytes.length - at);
      const { bytesRead } = await file.read(bytes, at, length, from + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
  } catch (cause) {
    throw cannotRead(path, cause);
  }
  return at;
}

/** The bytes of a file of up to 4 GiB (fs.readFile stops at 2 GiB). Throws CHECKPOINT_READ. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const { file, size } = await openFile(path);
  try {
    const bytes = allocate(size, path);
    return bytes.subarray(0, await readInto(bytes, { file, from: 0, path }));
  } finally {
    await file.close();
  }
}

/** The SHA-256 of a file of any size, in hexadecimal. Throws CHECKPOINT_READ. */
export async function sha256OfFile(path: string): Promise<string> {
  const { file, size } = await openFile(path);
  const hash = createHash("sha256");
  const bytes = new Uint8Array(Math.min(size, hashChunk));
  try {
    for (let from = 0; from < size; ) {
      const count = await readInto(bytes, { file, from, path });
      if (count === 0) break;
      hash.update(bytes.subarray(0, count));
      from += count;
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

/** Room for bytes of a file. Throws CHECKPOINT_READ where there is none. */
export function allocate(size: number, what: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw cannotRead(what, cause);
  }
}

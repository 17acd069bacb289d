import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { GyreError, reasonOf } from "../../util/errors.ts";
import { openRegular } from "../../util/files.node.ts";
import { loadPackage } from "../../util/packages.ts";
import { brokenCompression, endsEarly, missingPath, notCompressed } from "../errors.ts";
import { formatOf } from "./format.ts";

/** Bytes that are read at a time. */
const CHUNK = 2 ** 20;

/** Opens a file of a corpus. Throws DATA_PATH. */
export async function openFile(path: string): Promise<FileHandle> {
  return openRegular(path).catch((cause: unknown) => {
    throw missingPath(path, cause);
  });
}

/**
 * The bytes of a file, chunk by chunk; decompressed where it begins as gzip (of any number of members) or Zstandard (of
 * any number of frames) does, whatever its name. Throws DATA_PATH, DATA_COMPRESSED, PACKAGE_MISSING.
 */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openFile(path);
  try {
    const name = formatOf(path)?.compression;
    const found = await compressionOf(file, name);
    if (found === ".gz") yield* gunzipped(file, path);
    else if (found === ".zst") yield* unzstandarded(file, path);
    else if (name === undefined) yield* chunksOf(file, path);
    else if ((await file.stat()).size < 4) throw endsEarly(path, (await file.stat()).size, name);
    else throw notCompressed(path, name);
  } finally {
    await file.close();
  }
}

async function compressionOf(file: FileHandle, name: string | undefined): Promise<string | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const magic = bytesRead < 4 ? 0 : buffer.readUInt32LE();
  if ((magic & 0xffff) === 0x8b1f) return ".gz";
  // a frame that is skipped begins as text may, and so is one only where the name says so
  const isSkipped = name === ".zst" && magic >>> 4 === 0x184d2a5;
  return magic === 0xfd2fb528 || isSkipped ? ".zst" : undefined;
}

async function* chunksOf(file: FileHandle, path: string): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; ; ) {
    const { buffer, bytesRead } = await file
      .read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, at)
      .catch((cause: unknown) => {
        throw missingPath(path, cause);
      });
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* gunzipped(file: FileHandle, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: CHUNK });
  // what goes wrong on the way in comes out of the loop below
  const fed = pipeline(Readable.from(chunksOf(file, path)), gunzip).catch(() => undefined);
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (cause) {
    if (cause instanceof GyreError) throw cause;
    const isShort = cause instanceof Error && "code" in cause && cause.code === "Z_BUF_ERROR";
    if (isShort) throw endsEarly(path, (await file.stat()).size, ".gz");
    throw brokenCompression(path, { before: gunzip.bytesWritten, ending: ".gz", reason: reasonOf(cause) });
  } finally {
    gunzip.destroy();
    await fed;
  }
}

/** What fzstd says of data that ends too early. */
const UNEXPECTED_END = 5;

async function* unzstandarded(file: FileHandle, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { Decompress } = await loadPackage("fzstd", () => import("fzstd"));
  const ready: Uint8Array[] = [];
  const stream = new Decompress((chunk) => ready.push(chunk));
  let read = 0;
  const push = (chunk: Uint8Array, isFinal: boolean): readonly Uint8Array[] => {
    read += chunk.length;
    try {
      stream.push(chunk, isFinal);
    } catch (cause) {
      const isShort = cause instanceof Error && "code" in cause && cause.code === UNEXPECTED_END;
      if (isShort && isFinal) throw endsEarly(path, read, ".zst");
      throw brokenCompression(path, { before: read, ending: ".zst", reason: reasonOf(cause) });
    }
    return ready.splice(0);
  };
  for await (const chunk of chunksOf(file, path)) yield* push(chunk, false);
  yield* push(new Uint8Array(0), true);
}

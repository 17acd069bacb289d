import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Opens a regular file for reading; rejects at once for a folder, and for a pipe or a device, which might never answer. */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if ((await file.stat()).isFile()) return file;
    throw new Error("no regular file (a folder, a pipe or a device)");
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a regular file of at most 2 GiB. */
export async function readRegular(path: string): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

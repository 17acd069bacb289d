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

/** The bytes of a regular file of at most `most` bytes, and 2 GiB; rejects before it reads a larger one. */
export async function readRegular(
  path: string,
  { most = 2 ** 31 - 1 }: { readonly most?: number } = {},
): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    if (size > most) throw new Error(`${size} bytes, more than ${most}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { cannotWrite } from "../checkpoint/errors.ts";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import type { Run } from "./config.ts";
import { runFileMissing, runFileName } from "./errors.ts";

/** The folder of a run for files besides its config, metrics, checkpoints and reports. */
const folder = "extra";

/** Where a run keeps a file of that name. Throws RUN_FILE_NAME. */
export function filePath({ path }: Pick<Run, "path">, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw runFileName(name);
  return join(path, folder, name);
}

/** Whether a run has a file of that name. Throws RUN_FILE_NAME. */
export async function hasFile(run: Pick<Run, "path">, name: string): Promise<boolean> {
  return (await stat(filePath(run, name)).catch(() => undefined)) !== undefined;
}

/** Writes a file of a run whole, and returns its path. Throws RUN_FILE_NAME, CHECKPOINT_WRITE. */
export async function writeRunFile(
  run: Pick<Run, "path">,
  name: string,
  content: string | Uint8Array,
): Promise<string> {
  const path = filePath(run, name);
  await mkdir(join(run.path, folder), { recursive: true }).catch((cause: unknown) => {
    throw cannotWrite(path, cause);
  });
  await writeFileAtomic(path, content);
  return path;
}

/** The bytes of a file of a run. Throws RUN_FILE_NAME, RUN_FILE_MISSING. */
export async function readRunFile(run: Pick<Run, "path">, name: string): Promise<Uint8Array> {
  if (!(await hasFile(run, name))) throw runFileMissing(filePath(run, name));
  return readBytes(filePath(run, name));
}

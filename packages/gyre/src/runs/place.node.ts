import { constants } from "node:fs";
import { access, mkdir, readdir, readFile, realpath, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { cannotWrite } from "../checkpoint/errors.ts";
import { removeTemporaries, syncDirectory, temporariesIn, temporaryPath } from "../checkpoint/files.node.ts";
import { GyreError } from "../util/errors.ts";
import { isRunning } from "../util/processes.node.ts";
import { runExists } from "./errors.ts";
import { takeLock } from "./lock.node.ts";

// Where runs come to be, and are replaced: whole or not at all.

/** What belongs to a run; anything else in its folder is its user's, and stays. */
const entries = [
  "metrics.jsonl",
  "metrics.damaged.jsonl",
  "latest",
  "checkpoints",
  "reports",
  "extra",
  "config.json",
];
const lockEntry = "lock";
const replaced = "replaced";

/**
 * What is at a path: nothing or an empty folder, where a run may come to be; a run; or something else, which is never touched.
 * A folder in which a run began and came to nothing counts as empty.
 */
export async function kindOf(path: string): Promise<"free" | "run" | "other"> {
  const there = await stat(path).catch(() => undefined);
  if (there === undefined) return "free";
  if (!there.isDirectory()) return "other";
  const temporaries = new Set((await temporariesIn(path)).map(({ name }) => name));
  const names = (await readdir(path)).filter((name) => name !== lockEntry && !temporaries.has(name));
  if (names.includes("config.json") && names.includes("checkpoints")) return "run";
  return (await isFalseStart(path, names)) ? "free" : "other";
}

/** What is left where a run was to be and its config was not written: no metrics, no checkpoint. */
async function isFalseStart(path: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const isEmpty =
      name === "checkpoints"
        ? (await readdir(join(path, name)).catch(() => ["?"])).length === 0
        : name === "metrics.jsonl" && (await readFile(join(path, name)).catch(() => "?")).length === 0;
    if (!isEmpty) return false;
  }
  return true;
}

/** Whether a run has a checkpoint, also a damaged one. None is left where the disk was full at the first: a false start. */
export async function hasCheckpoints(path: string): Promise<boolean> {
  const folder = join(path, "checkpoints");
  const temporaries = new Set((await temporariesIn(folder)).map(({ name }) => name));
  return (await readdir(folder)).some((name) => !temporaries.has(name));
}

export const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/** A path without symbolic links, also of what is not there yet. */
export async function realPathOf(path: string): Promise<string> {
  const whole = resolve(path);
  const real = await realpath(whole).catch(() => undefined);
  if (real !== undefined || dirname(whole) === whole) return real ?? whole;
  return join(await realPathOf(dirname(whole)), basename(whole));
}

/**
 * Checks that a folder is at a path and can be written to, or that one can be made there; nothing is made. Throws CHECKPOINT_WRITE.
 *
 * @example
 * await requireWritable("reports/first"); // fails before an hour of measuring, not after it
 */
export async function requireWritable(path: string): Promise<void> {
  let at = resolve(path);
  while ((await stat(at).catch(() => undefined)) === undefined && dirname(at) !== at) at = dirname(at);
  const problem = async () => {
    if (!(await stat(at)).isDirectory()) throw new Error(`${at} is not a folder`);
    await access(at, constants.W_OK | constants.X_OK);
  };
  await problem().catch((cause: unknown) => {
    throw cannotWrite(path, cause);
  });
}

/**
 * Fills a new folder with `fill` and puts it in place: a path where nothing is gets it by a rename; into a folder that is there,
 * which may be a mount or a user's working directory, its entries move one by one, config.json last, and what they replace is
 * deleted when all of them are in place. Throws what `fill` throws, and CHECKPOINT_WRITE; nothing is changed then.
 */
export async function putInPlace(path: string, fill: (draft: string) => Promise<void>): Promise<void> {
  const isThere = await isFolder(path);
  const draft = temporaryPath(isThere ? join(path, "new") : resolve(path));
  try {
    await mkdir(draft, { recursive: true }).catch((cause: unknown) => {
      throw cannotWrite(path, cause);
    });
    await fill(draft);
    if (isThere) await moveIn(draft, path);
    else
      await rename(draft, path).catch((cause: NodeJS.ErrnoException) => {
        throw cause.code === "ENOTEMPTY" || cause.code === "EEXIST" ? runExists(path) : cause;
      });
    await syncDirectory(isThere ? path : dirname(resolve(path)));
  } catch (cause) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    throw cause instanceof GyreError ? cause : cannotWrite(path, cause);
  }
}

/** Entries move in an order that tells, after a crash, how far it got: config.json goes last each time. */
async function moveIn(draft: string, path: string): Promise<void> {
  const aside = temporaryPath(join(path, replaced));
  await mkdir(aside);
  const there = await readdir(path);
  try {
    for (const name of entries) if (there.includes(name)) await rename(join(path, name), join(aside, name));
    const fresh = await readdir(draft);
    for (const name of entries) if (fresh.includes(name)) await rename(join(draft, name), join(path, name));
  } catch (cause) {
    await putBack(path, aside);
    throw cause;
  }
  await rmdir(draft);
  await rm(aside, { recursive: true, force: true });
}

/** Ends a replacement that stopped midway: what was set aside comes back, unless all that was to come in is there. */
async function putBack(path: string, aside: string): Promise<void> {
  const set = await readdir(aside);
  if (set.includes("config.json")) {
    if ((await readdir(path)).includes("config.json")) return rm(aside, { recursive: true, force: true });
    for (const name of entries) await rm(join(path, name), { recursive: true, force: true });
  }
  for (const name of entries) if (set.includes(name)) await rename(join(aside, name), join(path, name));
  await rmdir(aside);
}

/** Brings back a run that a process, gone since, had replaced by half. Throws RUN_LOCKED where it goes on. */
export async function mend(path: string): Promise<void> {
  if ((await temporariesIn(path, replaced)).length === 0) return;
  await using _ = await takeLock(path);
  await tidy(path);
}

/** Clears away what processes that are gone left in a run and beside it. The caller holds the lock. */
export async function tidy(path: string): Promise<void> {
  for (const { name } of await temporariesIn(path, replaced)) await putBack(path, join(path, name));
  for (const folder of ["", "extra", "reports"]) await removeTemporaries(join(path, folder));
  await tidyBeside(path);
}

/** Clears away runs that began under another name, by processes that are gone. */
export async function tidyBeside(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  for (const { name, pid } of await temporariesIn(folder, basename(resolve(path))))
    if (!isRunning(pid)) await rm(join(folder, name), { recursive: true, force: true });
}

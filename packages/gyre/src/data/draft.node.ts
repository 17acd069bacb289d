import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { isRunning, startOf } from "../util/processes.node.ts";
import { asWriteError, beingPrepared, outputExists } from "./errors.ts";
import { JOURNAL } from "./journal.node.ts";
import { MANIFEST } from "./manifest.ts";

/** Names the process that fills a draft. */
const OWNER = "owner";

/** What may be in a draft; a folder with anything else is somebody's own. */
const ours =
  /^(owner|journal\.json(\.new)?|manifest\.json|tokenizer\.json|(train|validation)(-\d+)?\.bin|(train|held-out)\.jsonl|learning)$/;

/** A folder that is on its way. */
export interface Draft<Result> {
  /** Whether what a stopped process left in the draft is to be gone on from; else it is deleted. */
  readonly isWanted: (draft: string) => Promise<boolean>;
  readonly make: (draft: string) => Promise<Result>;
  /** Whether the draft stays, after `make` failed so. */
  readonly isKept: (cause: unknown, draft: string) => Promise<boolean>;
  /** Asked just before: whether there is a folder at `out` that goes. */
  readonly replace: () => Promise<boolean>;
}

/**
 * Makes a folder that appears at `out` whole or not at all: `make` fills OUT.partial beside it, which then takes its
 * place; what it replaces is OUT.replaced for the moment in between, and `recover` puts that back. Whatever fails, nothing
 * is left behind but a draft that is kept. Throws DATA_BUSY while another process makes the same folder, DATA_EXISTS
 * where OUT.partial is somebody's own, DATA_WRITE where the disk is full or may not be written to.
 */
export async function makeWhole<Result>(
  out: string,
  { isWanted, make, isKept, replace }: Draft<Result>,
): Promise<Result> {
  const draft = draftOf(out);
  try {
    await makeFolder(dirname(out));
    await claim(draft, isWanted);
  } catch (cause) {
    throw asWriteError(out, cause);
  }
  try {
    const result = await make(draft);
    const isReplaced = await replace();
    for (const name of [OWNER, JOURNAL]) await rm(join(draft, name), { force: true });
    if (isReplaced) await rename(out, replacedOf(out));
    await rename(draft, out).catch(async (cause: unknown) => {
      await recover(out);
      throw cause;
    });
    if (isReplaced) await rm(replacedOf(out), { recursive: true });
    return result;
  } catch (cause) {
    if (await isKept(cause, draft)) await rm(join(draft, OWNER), { force: true });
    else await rm(draft, { recursive: true, force: true });
    throw asWriteError(out, cause);
  }
}

/** Ends a replacement that a stopped process left half done: the old folder comes back where no new one has taken its place. */
export async function recover(out: string): Promise<void> {
  const old = replacedOf(out);
  const names = await readdir(old).catch((): string[] => []);
  if (!names.includes(MANIFEST) || !names.every((name) => ours.test(name))) return;
  if ((await ownerOf(draftOf(out))) !== undefined) return;
  const isThere = await stat(out).then(
    () => true,
    () => false,
  );
  if (isThere) await rm(old, { recursive: true });
  else await rename(old, out);
}

const draftOf = (out: string): string => `${out}.partial`;
const replacedOf = (out: string): string => `${out}.replaced`;

/** The process that fills a draft, if it is alive, and no later one with the same id. */
async function ownerOf(draft: string): Promise<number | undefined> {
  const text = await readFile(join(draft, OWNER), "utf8").catch(() => "0");
  const [, id, start] = /^(\d+)(?: (.+))?$/.exec(text) ?? [];
  const owner = Number(id ?? 0);
  const isSame = start === undefined || start === startOf(owner);
  return owner > 0 && isSame && isRunning(owner) ? owner : undefined;
}

/** Node's own recursive mkdir never returns below /proc, where a new folder is always missing. */
async function makeFolder(path: string): Promise<void> {
  const cause = await mkdir(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(cause instanceof Error) || cause.code === "EEXIST") return;
  if (cause.code !== "ENOENT" || dirname(path) === path) throw cause;
  await makeFolder(dirname(path));
  await mkdir(path);
}

async function claim(draft: string, isWanted: (draft: string) => Promise<boolean>): Promise<void> {
  const isNew = await mkdir(draft).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EEXIST") return false;
      throw cause;
    },
  );
  if (!isNew) {
    const names = await readdir(draft).catch(() => [""]);
    if (!names.every((name) => ours.test(name))) throw outputExists(draft);
    const owner = await ownerOf(draft);
    if (owner !== undefined) throw beingPrepared(draft, owner);
    if (await isWanted(draft)) await rm(join(draft, OWNER), { force: true });
    else {
      await rm(draft, { recursive: true });
      await mkdir(draft);
    }
  }
  const owner = [process.pid, startOf(process.pid)].filter((word) => word !== undefined).join(" ");
  await writeFile(join(draft, OWNER), owner, { flag: "wx" });
}

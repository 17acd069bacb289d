import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { isRunning } from "../util/processes.node.ts";
import { asWriteError, beingPrepared, outputExists } from "./errors.ts";

/** Names the process that fills a draft. */
const OWNER = "owner";

/** What may be in a draft; a folder with anything else is somebody's own. */
const ours = /^(owner|manifest\.json|tokenizer\.json|(train|validation)(-\d+)?\.bin|learning)$/;

/**
 * Makes a folder that appears at `out` whole or not at all: `make` fills OUT.partial beside it, which then takes its
 * place. Whatever fails, nothing is left behind; what a killed process left, the next one deletes. `replace` is asked
 * just before whether a folder at `out` may go. Throws DATA_BUSY while another process makes the same folder,
 * DATA_EXISTS where OUT.partial is somebody's own, DATA_WRITE where the disk is full or may not be written to.
 */
export async function makeWhole<Result>(
  out: string,
  {
    make,
    replace,
  }: { readonly make: (draft: string) => Promise<Result>; readonly replace: () => Promise<boolean> },
): Promise<Result> {
  const draft = `${out}.partial`;
  try {
    await makeFolder(dirname(out));
    await claim(draft);
  } catch (cause) {
    throw asWriteError(out, cause);
  }
  try {
    const result = await make(draft);
    if (await replace()) await rm(out, { recursive: true, force: true });
    await rm(join(draft, OWNER));
    await rename(draft, out);
    return result;
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw asWriteError(out, cause);
  }
}

/** Node's own recursive mkdir never returns below /proc, where a new folder is always missing. */
async function makeFolder(path: string): Promise<void> {
  const cause = await mkdir(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(cause instanceof Error) || cause.code === "EEXIST") return;
  if (cause.code !== "ENOENT" || dirname(path) === path) throw cause;
  await makeFolder(dirname(path));
  await mkdir(path);
}

async function claim(draft: string): Promise<void> {
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
    const owner = Number(await readFile(join(draft, OWNER), "utf8").catch(() => "0"));
    if (owner > 0 && isRunning(owner)) throw beingPrepared(draft, owner);
    await rm(draft, { recursive: true });
    await mkdir(draft);
  }
  await writeFile(join(draft, OWNER), String(process.pid), { flag: "wx" });
}

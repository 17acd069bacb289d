import { readFileSync, unlinkSync } from "node:fs";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as z from "zod";
import { cannotWrite } from "../checkpoint/errors.ts";
import { temporaryPath, writeDurably } from "../checkpoint/files.node.ts";
import { isRunning, startOf } from "../util/processes.node.ts";
import { runLocked } from "./errors.ts";

const lockFile = "lock";
/** How long a lock that cannot be read may still be one that is being written. */
const graceMs = 10_000;

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** When the process began; it may lack where a machine does not tell. */
  start: z.string().optional(),
  since: z.string(),
});
/** The process that writes to a run. */
export type Holder = z.infer<typeof holderSchema>;

/** The sole right to write to a run, as a file in it. It goes with `release`, or when this process exits. */
export class Lock implements AsyncDisposable {
  #path: string;
  readonly #text: string;

  constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    if (held.size === 0) process.once("exit", releaseAll);
    held.add(this);
  }

  /** Tells where the lock is, once its folder has another name. */
  movedTo(folder: string): void {
    this.#path = join(folder, lockFile);
  }

  /** Deletes the lock, unless it is another's by now. */
  releaseNow(): void {
    held.delete(this);
    if (held.size === 0) process.off("exit", releaseAll);
    try {
      if (readFileSync(this.#path, "utf8") === this.#text) unlinkSync(this.#path);
    } catch {
      // gone already, or in a folder that is: nobody is kept out
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.releaseNow();
  }
}

const held = new Set<Lock>();
function releaseAll(): void {
  for (const lock of held) lock.releaseNow();
}

/**
 * Takes the lock of a run. One whose process is gone from this machine is stale and is taken over; whether a process of
 * another machine is gone, nobody can tell from here. Throws RUN_LOCKED, CHECKPOINT_WRITE.
 */
export async function takeLock(folder: string): Promise<Lock> {
  const path = join(folder, lockFile);
  const start = startOf(process.pid);
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    ...(start === undefined ? {} : { start }),
    since: new Date().toISOString(),
  };
  const text = `${JSON.stringify(own)}\n`;
  for (;;) {
    if (await place(path, text)) return new Lock(path, text);
    const found = await readFile(path, "utf8").catch(() => undefined);
    if (found === undefined) continue; // released a moment ago
    const holder = parseHolder(found);
    if (holder ? !isStale(holder) : await isFresh(path)) throw runLocked(folder, holder);
    await setAside(path, found);
  }
}

/** Who writes to a run now; undefined when nobody does. */
export async function holderOf(folder: string): Promise<Holder | undefined> {
  const text = await readFile(join(folder, lockFile), "utf8").catch(() => "");
  const holder = parseHolder(text);
  return holder && !isStale(holder) ? holder : undefined;
}

/** Whether the lock came to be with this text. A link appears with its content, or not at all. */
async function place(path: string, text: string): Promise<boolean> {
  const draft = temporaryPath(path);
  try {
    await writeDurably(draft, text);
    await link(draft, path).catch(async (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EEXIST") throw cause;
      await writeFirst(path, text); // a file system without links
    });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cannotWrite(path, cause);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function writeFirst(path: string, text: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether the process is surely gone: by its id, or because a later process has it. */
function isStale({ pid, host, start }: Holder): boolean {
  if (host !== hostname()) return false;
  if (!isRunning(pid)) return true;
  const now = startOf(pid);
  return start !== undefined && now !== undefined && start !== now;
}

async function isFresh(path: string): Promise<boolean> {
  const file = await stat(path).catch(() => undefined);
  return file !== undefined && Date.now() - file.mtimeMs < graceMs;
}

/** Takes a stale lock away; one that another process placed meanwhile is put back. */
async function setAside(path: string, stale: string): Promise<void> {
  const aside = temporaryPath(path);
  try {
    await rename(path, aside);
    if ((await readFile(aside, "utf8")) !== stale) await link(aside, path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EEXIST") throw cannotWrite(path, cause);
  } finally {
    await rm(aside, { force: true }).catch(() => undefined);
  }
}

import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ownFolder = fileURLToPath(new URL("..", import.meta.url));

/** The command line that this process was started with, ready to be pasted into a shell. */
export function commandLine(words: readonly string[] = process.argv.slice(2)): string {
  const isPlain = (text: string) => /^[\w@%+=:,./-]+$/.test(text);
  const quoted = words.map((text) => (isPlain(text) ? text : `'${text.replaceAll("'", "'\\''")}'`));
  return ["gyre", ...quoted].join(" ");
}

/** What the times of a report depend on; no host name and no path. */
export function machineText(): string {
  const all = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const cores = `${all.length} core${all.length === 1 ? "" : "s"}`;
  const cpu = all[0]?.model.trim() || process.arch;
  return `${cpu}, ${cores}, ${memory} GiB, ${process.platform}, Node ${process.versions.node}`;
}

/** The commit of gyre where it runs from its own repository, with `-dirty` when files differ from it. */
export async function commitOfGyre(): Promise<string | undefined> {
  const git = async (...words: string[]) => (await run("git", ["-C", ownFolder, ...words])).stdout.trim();
  try {
    const root = await git("rev-parse", "--show-toplevel");
    if (join(await realpath(root), "packages", "cli") !== join(await realpath(ownFolder))) return undefined;
    const commit = await git("rev-parse", "HEAD");
    return (await git("status", "--porcelain", "--untracked-files=no")) === "" ? commit : `${commit}-dirty`;
  } catch {
    return undefined;
  }
}

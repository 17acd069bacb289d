import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { launched } from "gyre/node";
import { nestedRanks, noLauncher } from "./errors.ts";
import { signals } from "./interrupt.ts";

/** A launcher of this machine. */
interface Launcher {
  readonly command: string;
  readonly isOpenMpi: boolean;
}

/** Threads of a rank are its own affair; as many ranks as are asked for, whatever the launcher takes for a slot. */
const openMpiWords = ["--bind-to", "none", "--oversubscribe"];

/**
 * Starts this very command as `count` ranks under the machine's MPI launcher, and returns its exit code. The first signal lets the
 * ranks save and stop, a second one ends them. Throws RANKS_LAUNCHER, TRAIN_USAGE under a launcher.
 */
export async function startRanks(count: number): Promise<number> {
  const told = launched(process.env);
  if (told) throw nestedRanks(count, told.size);
  const launcher = findLauncher();
  if (!launcher) throw noLauncher(count);
  const own = [process.execPath, ...process.execArgv, ...withoutRanks(process.argv.slice(1))];
  const words = [...(launcher.isOpenMpi ? openMpiWords : []), "-n", `${count}`, ...own];
  // in a group of its own: a terminal would interrupt the launcher too, which gives its ranks no time to save
  const child = spawn(launcher.command, words, { stdio: "inherit", detached: true, env: environment() });
  let isStopping = false;
  for (const name of signals)
    process.on(name, () => {
      child.kill(isStopping ? "SIGTERM" : "SIGUSR2");
      isStopping = true;
    });
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

function findLauncher(): Launcher | undefined {
  for (const command of ["mpirun", "mpiexec"]) {
    const { error, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (!error) return { command, isOpenMpi: /Open MPI|OpenRTE/.test(stdout) };
  }
  return undefined;
}

/** Open MPI lets nobody start ranks as root by mistake; who asked for them has meant it. */
function environment(): NodeJS.ProcessEnv {
  if (process.getuid?.() !== 0) return process.env;
  return { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };
}

/** The words of this command but for `--ranks N`. */
export function withoutRanks(words: readonly string[]): string[] {
  const at = words.findIndex((word) => word === "--ranks" || word.startsWith("--ranks="));
  return at < 0 ? [...words] : words.toSpliced(at, words[at] === "--ranks" ? 2 : 1);
}

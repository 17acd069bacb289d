import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { launched } from "gyre/node";
import { nestedRanks, noLauncher } from "./errors.ts";
import { signals } from "./interrupt.ts";

/** A launcher of this machine. */
interface Launcher {
  readonly command: string;
  readonly isOpenMpi: boolean;
  /** What stands between it and the command of so many ranks. */
  readonly words: (ranks: number) => readonly string[];
  readonly environment: NodeJS.ProcessEnv;
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
  // in a group of its own: a terminal would interrupt the launcher too, which gives its ranks no time to save
  const child = spawn(launcher.command, [...launcher.words(count), ...own], {
    stdio: "inherit",
    detached: true,
    env: launcher.environment,
  });
  let isStopping = false;
  for (const name of signals)
    process.on(name, () => {
      child.kill(isStopping ? "SIGTERM" : passedOn(launcher));
      isStopping = true;
    });
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** The signal that a launcher hands to its ranks and gives them time for. */
const passedOn = ({ isOpenMpi }: Launcher) => (isOpenMpi ? "SIGUSR2" : "SIGINT");

/** `mpirun` or `mpiexec`, whichever is there; neither is none. */
export function findLauncher(): Launcher | undefined {
  for (const command of ["mpirun", "mpiexec"]) {
    const { error, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (error) continue;
    const isOpenMpi = /Open MPI|OpenRTE/.test(stdout);
    const words = (ranks: number) => [...(isOpenMpi ? openMpiWords : []), "-n", `${ranks}`];
    return { command, isOpenMpi, words, environment: environment() };
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

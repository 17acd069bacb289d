import { spawn, spawnSync } from "node:child_process";
import process from "node:process";

/** An MPI launcher of this machine, and the words that start so many ranks under it. */
export interface Launcher {
  readonly name: string;
  readonly start: (ranks: number) => readonly string[];
}

/** Ranks that wait leave their cores to others: tests share the machine. */
const openMpiWords = "--allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1".split(" ");

/** Those that gyre is tried with; what this machine lacks is reported as skipped. */
export const launchers: readonly Launcher[] = [
  {
    name: "Open MPI",
    start: (ranks) => ["mpirun.openmpi", ...openMpiWords, "-n", `${ranks}`],
  },
  { name: "MPICH", start: (ranks) => ["mpiexec.hydra", "-n", `${ranks}`] },
];

export const isFound = ({ start }: Launcher): boolean =>
  spawnSync(start(1)[0] as string, ["--version"], { stdio: "ignore" }).error === undefined;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** What Node is told to run TypeScript programs of the tests. */
const fromSource = ["--import", import.meta.resolve("tsx"), "--conditions", "@gyre/source"];

/** Runs a TypeScript program of the tests, or node with `words`, as several ranks; after a word ":" come those of one more rank. */
export function runRanks(
  launcher: Launcher,
  ranks: number,
  words: readonly string[],
  nodeFlags: readonly string[] = fromSource,
): Promise<Outcome> {
  const [command = "", ...flags] = launcher.start(ranks);
  const node = [process.execPath, ...nodeFlags];
  const started = performance.now();
  const child = spawn(command, [
    ...flags,
    ...node,
    ...words.flatMap((word) => (word === ":" ? [word, "-n", "1", ...node] : [word])),
  ]);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr, elapsedMs: performance.now() - started }));
  });
}

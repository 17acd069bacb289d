import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";

/** A process to run: its words, and the file that what it says is added to. */
export interface Job {
  readonly words: readonly string[];
  readonly log: string;
}

export interface JobsOptions<Of extends Job> {
  /** What every process starts with: an executable and its first words. */
  readonly command: readonly [string, ...string[]];
  /** Processes at a time. */
  readonly most: number;
  /** Lets the processes at work stop as at Ctrl-C, and starts no other. */
  readonly signal: AbortSignal;
  readonly onStart?: (job: Of) => void;
  /** Told of each line that a process says. */
  readonly onLine?: (job: Of, line: string) => void;
  readonly onEnd?: (job: Of, exitCode: number) => Promise<void>;
}

/** Runs processes, so many at a time, each in a group of its own, so that a terminal's Ctrl-C reaches it once. */
export async function runJobs<Of extends Job>(jobs: readonly Of[], options: JobsOptions<Of>): Promise<void> {
  const waiting = [...jobs];
  const worker = async () => {
    for (let job = waiting.shift(); job && !options.signal.aborted; job = waiting.shift()) {
      options.onStart?.(job);
      const exitCode = await exitCodeOf(job, options);
      await options.onEnd?.(job, exitCode);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.most, jobs.length) }, worker));
}

function exitCodeOf<Of extends Job>(job: Of, { command, signal, onLine }: JobsOptions<Of>): Promise<number> {
  const [executable, ...first] = command;
  const log = createWriteStream(job.log, { flags: "a" });
  const child = spawn(executable, [...first, ...job.words], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const stop = () => child.kill("SIGINT");
  signal.addEventListener("abort", stop, { once: true });
  log.write(`${headerOf(job.words)}\n`);
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      log.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine?.(job, line);
    });
  }
  return new Promise((resolve, reject) => {
    log.on("error", reject);
    child.on("error", reject);
    child.on("close", (code) => {
      signal.removeEventListener("abort", stop);
      log.end(() => resolve(code ?? 1));
    });
  });
}

/** The line that begins what a process says in its log. */
export const headerOf = (words: readonly string[]): string => `$ gyre ${words.join(" ")}`;

/** The error that the last process of a log ended with, in one line; undefined where it ended with none. */
export async function errorIn(log: string): Promise<string | undefined> {
  const lines = (await readFile(log, "utf8").catch(() => "")).trim().split("\n");
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith("$ gyre ")) + 1);
  return last.findLast((line) => /^[A-Z][A-Z0-9_]+: /.test(line));
}

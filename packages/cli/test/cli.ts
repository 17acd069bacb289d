import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

export interface Finished {
  readonly code: number | null;
  /** What ended the process, where a signal did. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Working directory; the repository's root when left out. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What comes through standard input; nothing is connected to it when left out. */
  readonly input?: string;
  /** Asked with all output so far, whenever more of it arrives and every few milliseconds; true sends `signal`, once. */
  readonly interruptAt?: (stdout: string, stderr: string) => boolean;
  /** What `interruptAt` sends; that of Ctrl-C when left out. */
  readonly signal?: NodeJS.Signals;
  /** Stop reading stdout when this many characters have come, as `head` does. */
  readonly closeAfter?: number;
}

/** What Node is called with to run the command line as it is built (test/build.ts). */
export const nodeWords = (words: readonly string[]): string[] => [
  fileURLToPath(new URL("../bin/gyre.js", import.meta.url)),
  ...words,
];

/** Runs the command line as a process of its own. */
export function gyre(words: readonly string[], options: CliOptions = {}): Promise<Finished> {
  const { cwd = repository, env = {}, input, interruptAt, signal = "SIGINT", closeAfter } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, nodeWords(words), {
      cwd,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.end(input);
    let stdout = "";
    let stderr = "";
    let isInterrupted = false;
    const more = () => {
      if (isInterrupted || !interruptAt?.(stdout, stderr)) return;
      isInterrupted = true;
      child.kill(signal);
    };
    const watch = setInterval(more, 5);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      more();
      if (closeAfter !== undefined && stdout.length >= closeAfter) child.stdout?.destroy();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      more();
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

import process from "node:process";
import { createProgram } from "./program.ts";
import { report } from "./report-error.ts";

/**
 * Runs the command line and returns its exit code: 0 done, 1 an error that gyre explains, 2 wrong usage,
 * 70 an error of gyre itself, 130 stopped by Ctrl-C.
 */
export async function main(words: readonly string[]): Promise<number> {
  process.stdout.on("error", stopAtClosedPipe);
  // a terminal that has closed: what would be said there, nobody reads, and there may be work to save
  process.stderr.on("error", () => undefined);
  let exitCode = 0;
  const program = createProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...words], { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error);
  }
}

/** Whoever reads the output may stop reading, as `head` does: that is no error. */
function stopAtClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
}

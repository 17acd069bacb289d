import { CommanderError } from "commander";

/** Says on stderr what was thrown, and returns the exit code that goes with it. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof Error)) throw error;
  if (error.name === "UsageError") {
    console.error(`error: ${error.message}`);
    return 2;
  }
  // By name, so that the library is loaded by the commands that use it and not by --help.
  if (error.name === "GyreError") {
    console.error(error.message);
    return 1;
  }
  if (error.name === "AbortError") return 130;
  console.error(`gyre failed; this is a fault of gyre, not of what you gave it.\n${error.stack}`);
  return 70;
}

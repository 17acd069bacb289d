import { GyreError } from "../util/errors.ts";

/** A sweep file that cannot be read as one, with every problem of it. */
export function badSweep(path: string, problems: readonly string[]): GyreError {
  return new GyreError("SWEEP_FILE", {
    given: `the sweep ${path}:\n    ${problems.join("\n    ")}`,
    expected:
      'a JSON file {"recipe": ..., "search": {FIELD: [values] or {"from", "to"}}}, FIELD as in training.learningRate',
    fix: "correct what is named above; recipes/sweeps has examples, docs/training.md every field",
  });
}

export function otherSweep(folder: string, trial: string): GyreError {
  return new GyreError("SWEEP_OTHER", {
    given: `${folder}, where ${trial} has another recipe than this sweep gives it`,
    expected: "a new folder, or that of this very sweep, which may have got more trials or seeds",
    fix: "choose another --out, or delete the folder if its runs are of no use",
  });
}

export function allFailed(problems: readonly string[]): GyreError {
  return new GyreError("SWEEP_FAILED", {
    given: `a sweep whose runs all failed:\n    ${problems.join("\n    ")}`,
    expected: "at least one trial whose runs reach their last step",
    fix: "read the logs, fix what they report, and start the sweep again: it continues",
  });
}

export function noSlurm(command: string, reason: string): GyreError {
  return new GyreError("SWEEP_SLURM", {
    given: `--slurm, but ${command} failed: ${reason}`,
    expected: "a machine from which Slurm takes jobs: sbatch and squeue on the PATH",
    fix: "start it where sbatch works, print the script with --dry-run, or use --jobs N on this machine",
  });
}

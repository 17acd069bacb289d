import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pythonUnusable } from "../errors.ts";
import { repositoryRoot } from "../harness.ts";

type Print = (text: string) => void;

/**
 * A python that can import torch: GYRE_PYTHON, else bench/.venv (made and filled when it is not there), else the
 * system's python3. Undefined, after saying why, when there is none; an unusable GYRE_PYTHON is refused.
 */
export function findPython(print: Print): string | undefined {
  const { GYRE_PYTHON: named } = process.env;
  if (named !== undefined && named !== "") {
    const problem = importProblem(named);
    if (problem !== undefined) throw pythonUnusable(named, problem);
    return named;
  }
  const environment = join(repositoryRoot, "bench/.venv");
  const python = join(environment, "bin/python");
  if (existsSync(python) && importProblem(python) === undefined) return python;
  const problem = makeEnvironment(environment, python, print);
  if (problem === undefined) return python;
  print(`bench/.venv could not be made: ${problem}`);
  if (importProblem("python3") === undefined) {
    print("using the system's python3 and its torch");
    return "python3";
  }
  print("no python with torch: PyTorch is left out (set GYRE_PYTHON to one that has torch and numpy)");
  return undefined;
}

/** The environment a peer runs in: quiet, and with freed memory kept, which saves PyTorch page faults at every step. */
export function peerEnvironment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _slower, ...rest } = process.env;
  return {
    ...rest,
    OPENBLAS_NUM_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    MALLOC_MMAP_THRESHOLD_: String(2 ** 32),
    MALLOC_TRIM_THRESHOLD_: String(2 ** 34),
    PYTHONDONTWRITEBYTECODE: "1",
  };
}

function makeEnvironment(environment: string, python: string, print: Print): string | undefined {
  print("making bench/.venv with torch and numpy (once; some hundred MB or more)");
  return (
    failure("python3", ["-m", "venv", environment]) ??
    failure(python, ["-m", "pip", "install", "--quiet", "torch", "numpy"]) ??
    importProblem(python)
  );
}

function importProblem(python: string): string | undefined {
  return failure(python, ["-c", "import torch"]);
}

/** The last thing a failing command said, or undefined when it succeeded. */
function failure(command: string, args: readonly string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, [...args], { encoding: "utf8" });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split("\n").at(-1) || `${command} ended with ${status}`);
}

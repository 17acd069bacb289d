import { GyreError, listOf } from "../packages/gyre/src/util/errors.ts";

export function benchUnknown(given: string | undefined, legal: readonly string[]): GyreError {
  return new GyreError("BENCH_UNKNOWN", {
    given: given === undefined ? "no benchmark was named" : `benchmark "${given}"`,
    expected: listOf(legal),
    fix: "name one of them: npm run bench -- train --config S (or --help)",
  });
}

export function configUnknown(given: string, legal: readonly string[]): GyreError {
  return new GyreError("BENCH_CONFIG_UNKNOWN", {
    given: `--config ${given}`,
    expected: listOf(legal),
    fix: "the sizes are in bench/configs.ts",
  });
}

export function optionInvalid(problem: string, expected: string): GyreError {
  return new GyreError("BENCH_OPTION_INVALID", {
    given: problem,
    expected,
    fix: "npm run bench -- --help lists every option",
  });
}

export function pythonUnusable(python: string, reason: string, needs = "torch"): GyreError {
  return new GyreError("BENCH_PYTHON_UNUSABLE", {
    given: `GYRE_PYTHON=${python}, which cannot import ${needs}: ${reason}`,
    expected: `the path of a python with ${needs === "torch" ? "torch and numpy" : needs}`,
    fix: "correct GYRE_PYTHON, unset it so that bench/.venv is used, or pass --no-peer",
  });
}

export function peerMissing(): GyreError {
  return new GyreError("BENCH_PEER_MISSING", {
    given: "no python with torch",
    expected: "PyTorch, beside which this benchmark trains",
    fix: "set GYRE_PYTHON to a python that has torch and numpy",
  });
}

export function sidesDiffer(ours: number, theirs: number): GyreError {
  return new GyreError("BENCH_SIDES_DIFFER", {
    given: `${ours} tokens here, ${theirs} from the peer`,
    expected: "the same tokens of the same text and vocabulary",
    fix: "find out which encoder is wrong before comparing their times",
  });
}

export function sideFailed(name: string, reason: string): GyreError {
  return new GyreError("BENCH_SIDE_FAILED", {
    given: `${name}: ${reason}`,
    expected: "one JSON line for each request",
    fix: "run that side alone: its command is in bench/README.md",
  });
}

export function commandMissing(path: string): GyreError {
  return new GyreError("BENCH_COMMAND_MISSING", {
    given: `${path} does not run`,
    expected: "the built command line",
    fix: "npm run build",
  });
}

export function launcherMissing(): GyreError {
  return new GyreError("BENCH_LAUNCHER_MISSING", {
    given: "neither mpirun nor mpiexec",
    expected: "the launcher of Open MPI or MPICH on the PATH",
    fix: "install openmpi-bin or mpich",
  });
}

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pythonUnusable } from "../errors.ts";
import { repositoryRoot } from "../harness.ts";
import { LineProcess } from "../line-process.ts";

type Print = (text: string) => void;

/**
 * A python that can import torch: GYRE_PYTHON, else bench/.venv (made and filled when it is not there), else the
 * system's python3. Undefined, after saying why, when there is none; an unusable GYRE_PYTHON is refused.
 */
export function findPython(print: Print): string | undefined {
  return find(print, {
    module: "torch",
    environment: "bench/.venv",
    packages: ["torch", "numpy"],
    size: "some hundred MB or more",
  });
}

/** The same for Hugging Face's tokenizers, of the version that trains ours, in bench/peers/.venv. */
export function findTokenizersPython(print: Print): string | undefined {
  return find(print, {
    module: "tokenizers",
    environment: "bench/peers/.venv",
    packages: ["tokenizers==0.23.2"],
    size: "some 20 MB",
  });
}

interface Wanted {
  readonly module: string;
  readonly environment: string;
  readonly packages: readonly string[];
  readonly size: string;
}

function find(print: Print, wanted: Wanted): string | undefined {
  const { module } = wanted;
  const { GYRE_PYTHON: named } = process.env;
  if (named !== undefined && named !== "") {
    const problem = importProblem(named, module);
    if (problem !== undefined) throw pythonUnusable(named, problem, module);
    return named;
  }
  const environment = join(repositoryRoot, wanted.environment);
  const python = join(environment, "bin/python");
  if (existsSync(python) && importProblem(python, module) === undefined) return python;
  const problem = makeEnvironment(environment, python, { ...wanted, print });
  if (problem === undefined) return python;
  print(`${wanted.environment} could not be made: ${problem}`);
  if (importProblem("python3", module) === undefined) {
    print(`using the system's python3 and its ${module}`);
    return "python3";
  }
  print(`no python with ${module}: the peer is left out (set GYRE_PYTHON to one that has it)`);
  return undefined;
}

/** The environment a peer runs in: quiet, and with freed memory kept, which saves PyTorch page faults at every step. */
export function peerEnvironment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _slower, ...rest } = process.env;
  return {
    ...rest,
    OPENBLAS_NUM_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    RAYON_NUM_THREADS: String(threads),
    TOKENIZERS_PARALLELISM: "true",
    MALLOC_MMAP_THRESHOLD_: String(2 ** 32),
    MALLOC_TRIM_THRESHOLD_: String(2 ** 34),
    PYTHONDONTWRITEBYTECODE: "1",
  };
}

/** A script that answers, in a process of its own. */
export interface PeerScript {
  /** The script of this folder, without `.py`. */
  readonly script: string;
  readonly flags: readonly string[];
  readonly threads: number;
  /** What errors call it; PyTorch when left out. */
  readonly name?: string;
}

/** A script in a process of a python that was found. */
export function startPeer(
  python: string,
  { script, flags, threads, name = "PyTorch" }: PeerScript,
): LineProcess {
  const args = [join(repositoryRoot, "bench/peers", `${script}.py`), ...flags];
  return new LineProcess({ name, command: python, args, env: peerEnvironment(threads) });
}

/** Which side PyTorch has in a benchmark. */
export interface PeerOptions extends PeerScript {
  /** Whether it is wanted. */
  readonly peer: boolean;
  readonly print: Print;
}

/** PyTorch's side of a benchmark in a process of its own; null where it is not wanted, or no python has torch. */
export function openPeer({ peer, print, ...script }: PeerOptions): LineProcess | null {
  const python = peer ? findPython(print) : undefined;
  return python === undefined ? null : startPeer(python, script);
}

function makeEnvironment(
  environment: string,
  python: string,
  { module, packages, size, print, environment: name }: Wanted & { readonly print: Print },
): string | undefined {
  print(`making ${name} with ${packages.join(" and ")} (once; ${size})`);
  return (
    failure("python3", ["-m", "venv", environment]) ??
    failure(python, ["-m", "pip", "install", "--quiet", ...packages]) ??
    importProblem(python, module)
  );
}

function importProblem(python: string, module: string): string | undefined {
  return failure(python, ["-c", `import ${module}`]);
}

/** The last thing a failing command said, or undefined when it succeeded. */
function failure(command: string, args: readonly string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, [...args], { encoding: "utf8" });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split("\n").at(-1) || `${command} ended with ${status}`);
}

import { GyreError, reasonOf } from "../util/errors.ts";

export function inputMissing(name: string, expected: readonly string[]): GyreError {
  return new GyreError("RUNTIME_INPUT", {
    given: `no value for the input ${JSON.stringify(name)}`,
    expected: `values for ${expected.join(", ")}`,
    fix: "pass every input of the graph to run, or bind it when the graph is compiled",
  });
}

export function inputShape(name: string, given: readonly number[], expected: readonly number[]): GyreError {
  return new GyreError("RUNTIME_SHAPE", {
    given: `the input ${JSON.stringify(name)} with shape [${given.join(", ")}]`,
    expected: `shape [${expected.join(", ")}]`,
    fix: "reshape the data, or build the graph for this shape",
  });
}

export function disposed(what: string): GyreError {
  return new GyreError("RUNTIME_DISPOSED", {
    given: `a ${what} that was disposed of`,
    expected: `a live ${what}`,
    fix: "dispose after the last use",
  });
}

export function contribWrong(op: string, error: number): GyreError {
  return new GyreError("RUNTIME_CONTRIB", {
    given: `${op} of this onnxruntime, which is ${error} off in its self-test`,
    expected: "results within 1e-5 of the interpreter",
    fix: "open the runtime without contrib",
  });
}

export function badThreads(given: number, expected: string): GyreError {
  return new GyreError("RUNTIME_THREADS", {
    given: `${given} threads`,
    expected,
    fix: "pass another number of threads, or leave it out",
  });
}

/** What onnxruntime and its WebAssembly say when an allocation fails. */
const memoryWords = /bad_alloc|out of memory|maximum memory size exceeded|failed to allocate/i;

/** An error of onnxruntime, which says of memory that it was that: RUNTIME_MEMORY. */
export function sessionFailed(host: string, cause: unknown): unknown {
  if (!memoryWords.test(reasonOf(cause))) return cause;
  return new GyreError(
    "RUNTIME_MEMORY",
    {
      given: `no memory left for a graph of ${host}: ${reasonOf(cause)}`,
      expected: "as much memory as the graph's tensors take",
      fix: "use a smaller model, batch or context, or train with recompute; in a page, close other tabs",
    },
    { cause },
  );
}

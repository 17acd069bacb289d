import { GyreError } from "../util/errors.ts";

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

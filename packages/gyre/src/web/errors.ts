import { GyreError } from "../util/errors.ts";

export function workerFailed(problem: string): GyreError {
  return new GyreError("WORKER_FAILED", {
    given: `a worker that ended: ${problem}`,
    expected: "a module worker on gyre/web/worker that runs",
    fix: 'start it with new Worker(url, { type: "module" }), and see that the page can load the url',
  });
}

export function workerDisposed(): GyreError {
  return new GyreError("WORKER_DISPOSED", {
    given: "a call of a worker that was disposed of",
    expected: "a worker that is still there",
    fix: "connect a new worker",
  });
}

export function nothingLoaded(call: string): GyreError {
  return new GyreError("WORKER_EMPTY", {
    given: `${call} before a model was loaded`,
    expected: "load or create first",
    fix: "wait for worker.load(...) or worker.create(...)",
  });
}

export function noText(call: string): GyreError {
  return new GyreError("WORKER_NO_TEXT", {
    given: `${call} of a model that has no text`,
    expected: "a text to train on and to measure with",
    fix: "call worker.prepare(text) first",
  });
}

export function otherModel(call: string): GyreError {
  return new GyreError("WORKER_MODEL", {
    given: `${call} of a model of a task's tokens`,
    expected: "a model that reads and writes text",
    fix: "use answers, quality and train without a text",
  });
}

export function otherText(run: string): GyreError {
  return new GyreError("WORKER_OTHER_TEXT", {
    given: `${run} with a dataset that it was not trained on`,
    expected: "the tokens and the tokenizer of its training",
    fix: "give the folder that its config.json names under data",
  });
}

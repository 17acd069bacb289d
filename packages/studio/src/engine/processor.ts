import type { WorkerHost } from "gyre/web";

/** What computes, as a reader calls it. */
export type Processor = "CPU" | "GPU";

const key = "gyre-processor";

/** What was chosen last in this browser; the CPU unless told. */
export function chosenProcessor(): Processor {
  try {
    return localStorage.getItem(key) === "GPU" ? "GPU" : "CPU";
  } catch {
    return "CPU";
  }
}

export function chooseProcessor(processor: Processor): void {
  try {
    localStorage.setItem(key, processor);
  } catch {
    // a browser that keeps nothing: the page keeps it
  }
}

export const providerOf = (processor: Processor): WorkerHost["provider"] =>
  processor === "GPU" ? "webgpu" : "wasm";

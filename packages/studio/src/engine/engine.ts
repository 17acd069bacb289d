import { connectWorker, mostWebThreads, type WorkerHost, type WorkerModel } from "gyre/web";

// The page's side of the worker that computes.

/** Folder of onnxruntime's WebAssembly, below the site's. */
declare const STUDIO_ORT: string;

/** More threads than this gain nothing for models that fit a page. */
const MOST_THREADS = 4;

/** What a page can compute with, before anything is computed. */
export interface Machine {
  readonly isIsolated: boolean;
  readonly threads: number;
  /** Why nothing can be computed here, in plain words. */
  readonly problem: string | undefined;
}

/** Looks at the browser: WebAssembly with SIMD is needed; threads only where the page is cross-origin isolated. */
export function machine(): Machine {
  const isIsolated = globalThis.crossOriginIsolated === true;
  return { isIsolated, threads: Math.min(MOST_THREADS, mostWebThreads()), problem: problemOfWasm() };
}

/** (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt)): only SIMD makes it valid. */
const simdModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
];

function problemOfWasm(): string | undefined {
  if (typeof WebAssembly !== "object") return "This browser has no WebAssembly, which the models run on.";
  if (WebAssembly.validate(Uint8Array.from(simdModule))) return undefined;
  return "This browser's WebAssembly has no SIMD, which the models run on. A browser from 2023 or later has it.";
}

/** What every call that opens a model says of the runtime. */
export function host(threads: number, provider: WorkerHost["provider"] = "wasm") {
  return { provider, threads, wasmPaths: new URL(STUDIO_ORT, document.baseURI).href };
}

/** The worker's script: built beside the page, with which it shares its modules. */
const script = () =>
  import.meta.env.DEV ? "/src/engine/worker.ts" : new URL("worker.js", document.baseURI).href;

let next: Worker | undefined;

/** Has the next worker load its script already, while the page's own is on its way. */
export function loadWorker(): void {
  next ??= new Worker(script(), { type: "module" });
}

/** Starts a worker; disposing ends it and gives its memory back. */
export function startWorker(): WorkerModel {
  loadWorker();
  const own = next as Worker;
  next = undefined;
  return connectWorker(own);
}

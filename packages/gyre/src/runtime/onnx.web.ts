import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import { badThreads, runtimeMissing } from "./errors.ts";
import { type Host, OnnxRuntime, type SessionOptions } from "./session-runtime.ts";

export interface WebRuntimeOptions extends Omit<SessionOptions, "precision" | "contrib"> {
  /** Threads within one operation; more than one needs a cross-origin isolated page. All that there may be by default. */
  readonly threads?: number;
  /** Folder or file of onnxruntime-web's wasm, where the page does not have it beside its scripts. */
  readonly wasmPaths?: string | { readonly wasm: string };
}

type Ort = typeof import("onnxruntime-web/wasm");

/** The number of threads of the first runtime; onnxruntime-web fixes it for the whole page. */
let pageThreads: number | undefined;

/**
 * Opens onnxruntime-web in WebAssembly, in a page, a worker or Node: float32, on the CPU. Its name says how many threads
 * it has. Throws RUNTIME_MISSING when the package cannot be loaded, and RUNTIME_THREADS for threads that this page cannot
 * have, or for another number than that of an earlier runtime.
 *
 * @example
 * await using runtime = await openWebRuntime({ threads: 1 });
 * console.log(runtime.name);
 */
export async function openWebRuntime(options: WebRuntimeOptions = {}): Promise<OnnxRuntime> {
  const threads = threadsFor(options.threads);
  // imported when it is used: statically, a worker with threads would wait for itself
  const loaded: Ort = await import("onnxruntime-web/wasm").catch((cause: unknown) => {
    throw runtimeMissing("onnxruntime-web", cause);
  });
  const ort = (loaded as { default?: Ort }).default ?? loaded;
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  if (options.wasmPaths) ort.env.wasm.wasmPaths = options.wasmPaths;
  pageThreads = threads;
  return new OnnxRuntime(webHost(ort, threads), options);
}

/** How many threads there may be: shared memory is needed for more than one. */
export function mostWebThreads(): number {
  const { crossOriginIsolated = true, navigator } = globalThis as {
    crossOriginIsolated?: boolean;
    navigator?: { hardwareConcurrency?: number };
  };
  const isShared = typeof SharedArrayBuffer === "function" && crossOriginIsolated;
  return isShared ? Math.max(1, navigator?.hardwareConcurrency ?? 1) : 1;
}

function threadsFor(asked: number | undefined): number {
  const most = mostWebThreads();
  const threads = asked ?? pageThreads ?? most;
  const isWhole = Number.isInteger(threads) && threads >= 1;
  if (!isWhole) throw badThreads(threads, "a whole number of at least 1");
  if (threads > most && most === 1)
    throw badThreads(
      threads,
      "1: more need a cross-origin isolated page (Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp)",
    );
  if (threads > most) throw badThreads(threads, `at most ${most}, the cores of this machine`);
  if (pageThreads !== undefined && threads !== pageThreads)
    throw badThreads(threads, `${pageThreads}, as the first runtime of this page has: it is fixed by then`);
  return threads;
}

function webHost(ort: Ort, threads: number): Host {
  return {
    name: `onnxruntime-web 1.30.0 (wasm, ${threads} thread${threads === 1 ? "" : "s"})`,
    threads,
    writesOutputs: false,
    // of a library: a page without HTTPS has no crypto.subtle
    hash: (bytes) => bytesToHex(sha256(bytes)),
    createSession: (bytes, { pinned }): Promise<InferenceSession> =>
      ort.InferenceSession.create(bytes, {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "disabled",
        executionMode: "sequential",
        enableMemPattern: pinned !== undefined,
        extra: { session: { use_device_allocator_for_initializers: "1" } },
      }),
    tensor: (type, data, shape) =>
      new ort.Tensor(type as "float32", data as Float32Array, [...shape]) as OrtTensor,
  };
}

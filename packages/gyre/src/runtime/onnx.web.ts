import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import { sha256Soon } from "../util/checksum.ts";
import { loadPackage, packageVersions } from "../util/packages.ts";
import { type TestShelf, testDevice } from "./device-test.ts";
import { badThreads } from "./errors.ts";
import { type WrongOperation, wrongText } from "./self-test.ts";
import { type Host, OnnxRuntime, type SessionOptions } from "./session-runtime.ts";
import { smallestModel } from "./smallest.ts";

/** How onnxruntime runs in a page. */
export interface WebRuntimeOptions extends Omit<SessionOptions, "precision" | "contrib"> {
  /** WebAssembly on the CPU, the default, or the GPU where the page has one that computes rightly. */
  readonly provider?: "wasm" | "webgpu" | undefined;
  /** Threads within one operation; more than one needs a cross-origin isolated page. All that there may be by default. */
  readonly threads?: number | undefined;
  /** Folder or file of onnxruntime-web's wasm, where the page does not have it beside its scripts. */
  readonly wasmPaths?: string | { readonly wasm: string } | undefined;
}

/** A runtime of a page, and why it is not the one that was asked for, where it is not. */
export interface WebRuntime {
  readonly runtime: OnnxRuntime;
  readonly provider: "wasm" | "webgpu";
  /** Operations that the host computes since the device has them wrong. */
  readonly hosted: readonly WrongOperation[];
  /** Why WebGPU was asked for and WebAssembly opened. */
  readonly reason?: string;
}

type Ort = typeof import("onnxruntime-web/wasm");

/** The number of threads of the first runtime; onnxruntime-web fixes it for the whole page. */
let pageThreads: number | undefined;

/**
 * Opens onnxruntime-web in a page, a worker or Node: float32, in WebAssembly or on the GPU. A GPU is used once every
 * operation has passed a self-test against the interpreter; sine and cosine are left to the host where they fail. The test is made once for
 * each GPU, browser and version of onnxruntime: Cache Storage keeps that it was passed, and one that failed is made again. Without
 * a GPU, or with another operation wrong, WebAssembly opens, and `reason` says why. The runtime's name says its threads.
 * Throws PACKAGE_MISSING when the package cannot be loaded, and RUNTIME_THREADS for threads that this page cannot have,
 * or for another number than that of an earlier runtime.
 *
 * @example
 * const { runtime, reason } = await openWebRuntime({ provider: "webgpu" });
 * console.log(runtime.name, reason ?? "as asked for");
 * await runtime[Symbol.asyncDispose]();
 */
export async function openWebRuntime(options: WebRuntimeOptions = {}): Promise<WebRuntime> {
  const { provider = "wasm" } = options;
  const threads = threadsFor(options.threads);
  if (provider === "wasm") return { ...(await openWasm(options, threads)), provider, hosted: [] };
  const gpu = await openGpu(options, threads);
  if (typeof gpu !== "string") return gpu;
  return { ...(await openWasm(options, threads)), provider: "wasm", hosted: [], reason: gpu };
}

async function openWasm(options: WebRuntimeOptions, threads: number): Promise<{ runtime: OnnxRuntime }> {
  // imported when it is used: statically, a worker with threads would wait for itself
  const ort = ready(await load(() => import("onnxruntime-web/wasm")), options, threads);
  const name = `onnxruntime-web 1.30.0 (wasm, ${threads} thread${threads === 1 ? "" : "s"})`;
  const host = webHost(ort, { name, threads, provider: "wasm" });
  startWasm(host);
  return { runtime: new OnnxRuntime(host, options) };
}

let isStarted = false;

/** Has WebAssembly fetched and compiled from now on, not with the first program: a model may be fetched meanwhile. */
function startWasm(host: Host): void {
  if (isStarted) return;
  isStarted = true;
  host
    .createSession(smallestModel(), { pinned: undefined })
    .then((session) => session.release())
    // the first program fails in the same way, and says so
    .catch(() => undefined);
}

let gpu: Promise<unknown> | undefined;

/**
 * Holds one small session open, to the end of the page or worker: onnxruntime gives the GPU up with the last session, and all that was compiled
 * for it is compiled again for the next.
 */
function keepGpuOpen(host: Host): Promise<unknown> {
  gpu ??= host.createSession(smallestModel(), { pinned: undefined }).catch(() => {
    // whatever opens next fails in the same way, and says so
    gpu = undefined;
  });
  return gpu;
}

/** What a browser says of a GPU. */
interface Adapter {
  readonly info?: Readonly<Record<"vendor" | "architecture" | "device" | "description", string>>;
}
interface GpuScope {
  readonly navigator?: {
    readonly gpu?: { requestAdapter(): Promise<Adapter | null> };
    readonly userAgent?: string;
  };
  readonly caches?: { open(name: string): Promise<TestShelf> };
}

/** Another GPU, another browser or another onnxruntime is another device, which is tested anew. */
function deviceName({ info }: Adapter, { userAgent }: { readonly userAgent?: string }): string {
  const { vendor, architecture, device, description } = info ?? {};
  const ort = `onnxruntime-web ${packageVersions["onnxruntime-web"]}`;
  return ["webgpu", vendor, architecture, device, description, ort, userAgent].filter(Boolean).join("; ");
}

/** The GPU's runtime, or why there is none. */
async function openGpu(options: WebRuntimeOptions, threads: number): Promise<WebRuntime | string> {
  const { navigator, caches } = globalThis as unknown as GpuScope;
  const gpu = navigator?.gpu;
  if (!gpu) return "this browser has no WebGPU";
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (!adapter) return "WebGPU found no adapter on this machine";
  const module = await load(() => import("onnxruntime-web/webgpu")).catch(() => undefined);
  if (!module) return "onnxruntime's part for WebGPU could not be loaded";
  const ort = ready(module, options, threads);
  const host = { name: "onnxruntime-web 1.30.0 (webgpu)", threads: 1, provider: "webgpu" } as const;
  await keepGpuOpen(webHost(ort, host));
  const bare = new OnnxRuntime(webHost(ort, host), options);
  const shelf = adapter.info && (await caches?.open("gyre-devices").catch(() => undefined));
  const { hosted, refused } = await testDevice(deviceName(adapter, navigator), bare, shelf);
  if (refused.every(({ error }) => error === Number.POSITIVE_INFINITY) && refused.length > 1)
    return "WebGPU does not start on this machine";
  if (refused.length > 0) return `WebGPU computes ${wrongText(refused)} wrongly`;
  const own = { ...webHost(ort, host), wrong: new Set(hosted.map(({ op }) => op)) };
  return { runtime: new OnnxRuntime(own, options), provider: "webgpu", hosted };
}

async function load(module: () => Promise<unknown>): Promise<Ort> {
  const loaded = (await loadPackage("onnxruntime-web", module)) as Ort & { default?: Ort };
  return loaded.default ?? loaded;
}

function ready(ort: Ort, { wasmPaths }: WebRuntimeOptions, threads: number): Ort {
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  if (wasmPaths) ort.env.wasm.wasmPaths = wasmPaths;
  pageThreads = threads;
  return ort;
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

let last: Promise<unknown> = Promise.resolve();

/** What WebAssembly does waits for what it did before: onnxruntime-web mixes up the inputs of calls that overlap. */
function inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
  const own = last.then(act, act);
  last = own.catch(() => undefined);
  return own;
}

/** A session whose runs take turns with all others of the page. */
function takingTurns(session: InferenceSession): InferenceSession {
  const run = session.run.bind(session) as (...given: unknown[]) => ReturnType<InferenceSession["run"]>;
  return Object.assign(session, { run: (...given: unknown[]) => inTurn(() => run(...given)) });
}

interface WebHost {
  readonly name: string;
  readonly threads: number;
  readonly provider: "wasm" | "webgpu";
}

function webHost(ort: Ort, { name, threads, provider }: WebHost): Host {
  return {
    name,
    threads,
    writesOutputs: false,
    hash: sha256Soon,
    createSession: (bytes, { pinned }): Promise<InferenceSession> =>
      inTurn(() =>
        ort.InferenceSession.create(bytes, {
          executionProviders: [provider],
          graphOptimizationLevel: "disabled",
          executionMode: "sequential",
          enableMemPattern: pinned !== undefined,
          // 3: errors; a GPU warns of every node that it leaves to the CPU
          logSeverityLevel: 3,
          extra: { session: { use_device_allocator_for_initializers: "1" } },
        }),
      ).then(takingTurns),
    tensor: (type, data, shape) =>
      new ort.Tensor(type as "float32", data as Float32Array, [...shape]) as OrtTensor,
  };
}

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GyreError, reasonOf } from "../util/errors.ts";
import { workerScript } from "../util/worker-script.node.ts";
import { workerDied } from "./errors.ts";
import { guarded, type OnFault } from "./faults.ts";
import { type Engine, type FromWorker, idle, type Job, type JobEvent, type Load } from "./protocol.ts";
import type { WorkerData } from "./worker.node.ts";

const script = workerScript(import.meta.url, "worker.node");

/** Loads the run into a new thread. Throws what openRun, loadTokenizer and loadWeights do, or SERVE_WORKER. */
async function startWorker(data: WorkerData): Promise<{ worker: Worker; warnings: readonly string[] }> {
  const worker = new Worker(script, { workerData: data });
  const gone = once(worker, "exit").then(([code]) => Promise.reject(`exit code ${code}`));
  const first = Promise.race([once(worker, "message"), gone]) as Promise<[FromWorker]>;
  const [answer] = await first.catch((reason) => {
    throw workerDied(data.path, "starting", reasonOf(reason));
  });
  if (answer.type === "ready") return { worker, warnings: answer.warnings };
  await worker.terminate();
  throw answer.type === "refused"
    ? new GyreError(answer.code, answer.detail)
    : workerDied(data.path, "starting", answer.type);
}

/** Between the end of a worker and the start of the next one: at once at first, and longer each time it fails. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;

/** The engine whose computation is in a thread of its own. A thread that ends is followed by a new one. */
export class ModelWorker implements Engine, AsyncDisposable {
  failure: string | undefined;
  load: Load = idle;
  /** What was found damaged on the way to the weights. */
  readonly warnings: readonly string[];
  readonly #data: WorkerData;
  readonly #onFault: OnFault | undefined;
  readonly #guarded: (call: () => void) => void;
  readonly #jobs = new Map<number, (event: JobEvent) => void>();
  #worker: Worker;
  #lastId = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #restart: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #isClosed = false;

  /**
   * Loads the run into a new thread; `onFault` hears of threads that end unasked. Throws what openRun, loadTokenizer and
   * loadWeights do, or SERVE_WORKER.
   */
  static async open(data: WorkerData, onFault?: OnFault): Promise<ModelWorker> {
    const { worker, warnings } = await startWorker(data);
    return new ModelWorker(data, worker, warnings, onFault);
  }

  private constructor(
    data: WorkerData,
    worker: Worker,
    warnings: readonly string[],
    onFault: OnFault | undefined,
  ) {
    this.#data = data;
    this.#onFault = onFault;
    this.#guarded = guarded(onFault);
    this.#worker = worker;
    this.warnings = warnings;
    this.#listen(worker);
  }

  get pending(): number {
    return this.#jobs.size;
  }

  start(job: Job, onEvent: (event: JobEvent) => void): () => void {
    const id = ++this.#lastId;
    this.#worker.postMessage({ type: "start", id, job });
    this.#jobs.set(id, onEvent);
    return () => {
      if (this.#jobs.delete(id)) this.#worker.postMessage({ type: "cancel", id });
    };
  }

  /** The worker ends itself between two calls: to end it from outside within one would abort the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    await this.#starting;
    if (this.failure !== undefined) return;
    const exit = once(this.#worker, "exit");
    this.#worker.postMessage({ type: "close" });
    await exit;
  }

  #listen(worker: Worker): void {
    let reason: string | undefined;
    worker.on("message", (message: FromWorker) => this.#receive(message));
    worker.on("error", (error) => {
      reason = String(error);
    });
    worker.on("exit", (code) => this.#lose(reason ?? `exit code ${code}`));
  }

  #receive(message: FromWorker): void {
    if (message.type !== "turn") return;
    this.load = message.load;
    // A thread that has done some work is not one that fails whenever it starts.
    this.#pauseMs = FIRST_PAUSE_MS;
    for (const [id, event] of message.events) {
      const onEvent = this.#jobs.get(id);
      if (event.type !== "piece") this.#jobs.delete(id);
      this.#guarded(() => onEvent?.(event));
    }
  }

  /** Tells everybody who waits that the thread is gone, and starts another one unless this was asked for. */
  #lose(reason: string): void {
    this.failure = reason;
    this.load = idle;
    const orphans = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const onEvent of orphans) this.#guarded(() => onEvent({ type: "failure", isGone: true, reason }));
    if (this.#isClosed) return;
    this.#guarded(() => this.#onFault?.(workerDied(this.#data.path, "working", reason)));
    this.#startLater();
  }

  #startLater(): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(4 * pauseMs, LONGEST_PAUSE_MS);
    this.#restart = setTimeout(() => {
      this.#starting = this.#startAgain();
    }, pauseMs);
  }

  async #startAgain(): Promise<void> {
    try {
      const { worker } = await startWorker(this.#data);
      this.#worker = worker;
      this.#listen(worker);
      this.failure = undefined;
    } catch (error) {
      this.#guarded(() => this.#onFault?.(error));
      if (!this.#isClosed) this.#startLater();
    }
  }
}

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GyreError } from "../util/errors.ts";
import { workerDied } from "./errors.ts";
import { type Engine, type FromWorker, idle, type Job, type JobEvent, type Load } from "./protocol.ts";
import type { WorkerData } from "./worker.node.ts";

const script = workerScript();

/** The worker's code; where TypeScript itself is run, as in tests, through tsx. */
function workerScript(): URL {
  if (!import.meta.url.endsWith(".ts")) return new URL("./worker.node.js", import.meta.url);
  const source = new URL("./worker.node.ts", import.meta.url);
  const tsx = import.meta.resolve("tsx/esm/api");
  const code = `import { register } from "${tsx}"; register(); await import("${source}");`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

/** The engine whose computation is in a thread of its own. */
export class ModelWorker implements Engine, AsyncDisposable {
  failure: string | undefined;
  load: Load = idle;
  /** What was found damaged on the way to the weights. */
  readonly warnings: readonly string[];
  readonly #worker: Worker;
  readonly #jobs = new Map<number, (event: JobEvent) => void>();
  #lastId = 0;

  /** Loads the run into a new thread. Throws what openRun, loadTokenizer and loadWeights do, or SERVE_WORKER. */
  static async open(data: WorkerData): Promise<ModelWorker> {
    const worker = new Worker(script, { workerData: data });
    const gone = once(worker, "exit").then(([code]) => {
      throw workerDied(data.path, `exit code ${code}`);
    });
    const [answer] = (await Promise.race([once(worker, "message"), gone])) as [FromWorker];
    if (answer.type === "ready") return new ModelWorker(worker, answer.warnings);
    await worker.terminate();
    throw answer.type === "refused"
      ? new GyreError(answer.code, answer.detail)
      : workerDied(data.path, answer.type);
  }

  private constructor(worker: Worker, warnings: readonly string[]) {
    this.#worker = worker;
    this.warnings = warnings;
    worker.on("message", (message: FromWorker) => this.#receive(message));
    worker.on("error", (error) => this.#fail(String(error)));
    worker.on("exit", (code) => this.#fail(`exit code ${code}`));
  }

  get pending(): number {
    return this.#jobs.size;
  }

  start(job: Job, onEvent: (event: JobEvent) => void): () => void {
    const id = ++this.#lastId;
    this.#jobs.set(id, onEvent);
    this.#worker.postMessage({ type: "start", id, job });
    return () => {
      if (this.#jobs.delete(id)) this.#worker.postMessage({ type: "cancel", id });
    };
  }

  /** The worker ends itself between two calls: to end it from outside within one would abort the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.failure !== undefined) return;
    const exit = once(this.#worker, "exit");
    this.#worker.postMessage({ type: "close" });
    await exit;
  }

  #receive(message: FromWorker): void {
    if (message.type !== "turn") return;
    this.load = message.load;
    for (const [id, event] of message.events) {
      const onEvent = this.#jobs.get(id);
      if (event.type !== "piece") this.#jobs.delete(id);
      onEvent?.(event);
    }
  }

  #fail(reason: string): void {
    this.failure ??= reason;
    this.load = idle;
    const orphans = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const onEvent of orphans) onEvent({ type: "failure", isGone: true, reason: this.failure });
  }
}

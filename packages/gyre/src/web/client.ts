import type { AnswerPoint } from "../report/answers.ts";
import type { BudgetPoint } from "../report/report.ts";
import type { FetchProgress } from "../runs/downloads.ts";
import type { AnswerTrainingInput } from "../train/answer-options.ts";
import type { StepEvent } from "../train/optimise.ts";
import { GyreError } from "../util/errors.ts";
import { workerDisposed, workerFailed } from "./errors.ts";
import type {
  AnswersRequest,
  CallName,
  Calls,
  CreateRequest,
  LensRequest,
  LensToken,
  Loaded,
  LoadRequest,
  OpenRequest,
  Prepared,
  QualityRequest,
  Response,
  SentError,
  TrainRequest,
  WriteOptions,
  Written,
} from "./protocol.ts";

/** The part of a Web Worker that is used. */
export interface WorkerLike {
  /** Sends a message to the other side. */
  postMessage(message: unknown): void;
  /** Hears messages of the other side. */
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  /** Hears that the other side has ended. */
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
  /** Ends the other side at once. */
  terminate(): void;
}

/** What every call may be told: when to give up. */
export interface Abortable {
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly onEvent: (event: unknown) => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Connects to a worker whose script is `gyre/web/worker`. It computes one call after another, in their order; the page
 * stays free. Disposing ends the worker, which gives back all its memory.
 *
 * @example
 * const url = new URL("gyre/web/worker", import.meta.url);
 * await using worker = connectWorker(new Worker(url, { type: "module" }));
 * await worker.load({ url: "/models/first/" });
 * for await (const { text } of worker.generate("The river", { loops: 4, maxTokens: 40 })) console.log(text);
 */
export const connectWorker = (worker: WorkerLike): WorkerModel => new WorkerModel(worker);

/**
 * A model that lives in a worker. Each call rejects with the signal's reason once that is aborted, with the worker's own
 * error, with WORKER_FAILED where the worker ended, or with WORKER_DISPOSED.
 */
export class WorkerModel implements AsyncDisposable {
  readonly #worker: WorkerLike;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #ended: GyreError | undefined;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }) => this.#hear(data as Response));
    worker.addEventListener("error", ({ message }) =>
      this.#end(workerFailed(message || "its script could not be run")),
    );
  }

  /** Fetches a model and opens a runtime for it, in place of the one before. Throws as `fetchModel` and `openWebRuntime`. */
  load(
    { url, ...request }: Omit<LoadRequest, "url"> & { readonly url: string | URL },
    { signal, onProgress }: Abortable & { readonly onProgress?: (progress: FetchProgress) => void } = {},
  ): Promise<Loaded> {
    const { location } = globalThis as { location?: { readonly href: string } };
    const whole = location && URL.canParse(String(url), location.href) ? new URL(url, location.href) : url;
    return this.#call("load", { ...request, url: String(whole) }, { signal, onEvent: onProgress });
  }

  /** Draws a new model, whose tokens are bytes or a task's, in place of the one before. Throws TASK_NAME, TASK_VARIANT. */
  create(request: CreateRequest, { signal }: Abortable = {}): Promise<Loaded> {
    return this.#call("create", request, { signal });
  }

  /** Opens a run from its files, with what training goes on from, in place of the one before. Throws as `load` of a run, WORKER_OTHER_TEXT. */
  open(request: OpenRequest, { signal }: Abortable = {}): Promise<Loaded> {
    return this.#call("open", request, { signal });
  }

  /** Takes a text to train on; its last tenth is for measuring. It travels with `files`. Throws DATA_TOO_SHORT, WORKER_NO_TEXT. */
  prepare(text: string, { signal }: Abortable = {}): Promise<Prepared> {
    return this.#call("prepare", { text }, { signal });
  }

  /** Continues a text token by token; leaving the loop ends it. Throws as `generate`. */
  generate(prompt: string, { signal, ...options }: WriteOptions & Abortable): AsyncGenerator<Written> {
    return this.#events("generate", { prompt, options }, signal);
  }

  /** What comes after the prompt: logits [vocab] of every depth, from one loop to the full number. */
  logits(prompt: string, { signal }: Abortable = {}): Promise<readonly Float32Array[]> {
    return this.#call("logits", { prompt }, { signal });
  }

  /** The logit lens: what the model would have said after each loop. Of a text longer than the context, its last tokens. */
  lens(request: LensRequest, { signal }: Abortable = {}): Promise<readonly LensToken[]> {
    return this.#call("lens", request, { signal });
  }

  /** What a model predicts after each of these tokens: logits [tokens x vocab] at each budget. */
  answers(request: AnswersRequest, { signal }: Abortable = {}): Promise<readonly Float32Array[]> {
    return this.#call("answers", request, { signal });
  }

  /**
   * Trains the model from where it is to `training.steps`, on this text or, without one, on what was prepared or on the
   * answers of its task, or until an earlier step; leaving the loop stops after the step under way. Throws as `train` and `trainAnswers`,
   * WORKER_NO_TEXT where there is nothing to train on.
   */
  train(
    text: string | undefined,
    { signal, until, ...training }: AnswerTrainingInput & Abortable & Pick<TrainRequest, "until">,
  ): AsyncGenerator<StepEvent> {
    return this.#events("train", { text, training, until }, signal);
  }

  /**
   * The model's quality at each budget, as each is measured: loss on the end of the prepared text, or right answers to
   * problems of its task that training never sees. Throws as `evaluate` and `evaluateAnswers`, and WORKER_NO_TEXT.
   */
  quality({ signal, ...request }: QualityRequest & Abortable): AsyncGenerator<BudgetPoint | AnswerPoint> {
    return this.#events("quality", request, signal);
  }

  /** The files of a run, by their paths: what training goes on from, here or in Node. */
  files({ signal }: Abortable = {}): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#call("files", undefined, { signal });
  }

  /** Ends the worker. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(workerDisposed());
  }

  async #call<Name extends CallName>(
    call: Name,
    given: Calls[Name]["given"],
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly onEvent?: ((event: Calls[Name]["event"]) => void) | undefined;
    },
  ): Promise<Calls[Name]["value"]> {
    const { signal, onEvent } = options;
    signal?.throwIfAborted();
    if (this.#ended) throw this.#ended;
    const id = this.#calls++;
    const abort = () => {
      this.#worker.postMessage({ id, abort: true });
      this.#waiting.get(id)?.reject(signal?.reason);
    };
    try {
      return await new Promise<Calls[Name]["value"]>((resolve, reject) => {
        const hear = (event: unknown) => onEvent?.(event as Calls[Name]["event"]);
        this.#waiting.set(id, { onEvent: hear, resolve: resolve as Waiting["resolve"], reject });
        signal?.addEventListener("abort", abort, { once: true });
        this.#worker.postMessage({ id, call, given });
      });
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#waiting.delete(id);
    }
  }

  /** The events of a call, as they come. */
  async *#events<Name extends "generate" | "train" | "quality">(
    call: Name,
    given: Calls[Name]["given"],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Calls[Name]["event"]> {
    const left = new AbortController();
    const either = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
    const queue: Calls[Name]["event"][] = [];
    let isOver = false;
    let wake = () => {};
    const onEvent = (event: Calls[Name]["event"]) => {
      queue.push(event);
      wake();
    };
    const going = this.#call(call, given, { signal: either, onEvent }).finally(() => {
      isOver = true;
      wake();
    });
    going.catch(() => undefined);
    try {
      while (!isOver || queue.length > 0) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        signal?.throwIfAborted();
      }
      await going;
    } finally {
      left.abort();
    }
  }

  #hear(response: Response): void {
    const waiting = this.#waiting.get(response.id);
    if ("event" in response) waiting?.onEvent(response.event);
    else if ("value" in response) waiting?.resolve(response.value);
    else waiting?.reject(received(response.error));
  }

  #end(error: GyreError): void {
    this.#ended ??= error;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
  }
}

const received = ({ code, detail, message }: SentError): Error =>
  code !== undefined && detail ? new GyreError(code, detail) : new Error(message);

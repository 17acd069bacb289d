import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { reasonOf } from "../util/errors.ts";
import { workerScript } from "../util/worker-script.node.ts";
import type { BpeTokenizer } from "./bpe.ts";
import { type Batch, type EncodedBatch, encodeBatch } from "./encode-batch.ts";
import type { EncoderData } from "./encoder-thread.node.ts";
import { encoderEnded } from "./errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Encodes batches, in this thread or in others. The order of the answers is the caller's: a batch depends on no other. */
export interface Encoder extends AsyncDisposable {
  /** Batches that are worth handing over before the first of them is waited for. */
  readonly ahead: number;
  encode(batch: Batch): Promise<EncodedBatch>;
}

/** An encoder of so many threads: of one alone, it is this one. Dispose of it. */
export function openEncoder(tokenizer: Tokenizer | BpeTokenizer, threads: number): Encoder {
  if (threads === 1) {
    return {
      ahead: 1,
      async encode(batch) {
        await setImmediate();
        return encodeBatch(tokenizer, batch);
      },
      async [Symbol.asyncDispose]() {},
    };
  }
  const data: EncoderData = {
    kind: tokenizer.kind,
    ...("json" in tokenizer ? { json: tokenizer.json } : {}),
  };
  const workers = Array.from({ length: threads }, () => new EncoderThread(data));
  let turn = 0;
  return {
    ahead: 2 * threads,
    encode: (batch) => (workers[turn++ % threads] as EncoderThread).encode(batch),
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.end()));
    },
  };
}

const script = workerScript(import.meta.url, "encoder-thread.node");

/** A thread, which answers batches in the order in which they come. */
class EncoderThread {
  readonly #worker: Worker;
  readonly #waiting: { resolve(encoded: EncodedBatch): void; reject(cause: unknown): void }[] = [];
  readonly #ended: Promise<unknown>;
  #failure: unknown;

  constructor(data: EncoderData) {
    this.#worker = new Worker(script, { workerData: data });
    this.#ended = once(this.#worker, "exit");
    this.#worker.on("message", (encoded: EncodedBatch) => this.#waiting.shift()?.resolve(encoded));
    this.#worker.on("error", (cause) => this.#fail(encoderEnded(reasonOf(cause), cause)));
    this.#worker.on("exit", (code) => this.#fail(encoderEnded(`exit code ${code}`)));
    // a thread that waits for work must not keep the process
    this.#worker.unref();
  }

  encode(batch: Batch): Promise<EncodedBatch> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#worker.ref();
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(batch);
    });
  }

  async end(): Promise<void> {
    this.#failure ??= encoderEnded("it was disposed of");
    await this.#worker.terminate();
    await this.#ended;
  }

  #fail(cause: unknown): void {
    this.#failure ??= cause;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

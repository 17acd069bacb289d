import type { Decoder } from "../decode/decoder.ts";
import type { GenerateOptions } from "../decode/generate.ts";
import { type SpeculateOptions, Speculation } from "../decode/speculate.ts";
import { advance, type Finish, type GeneratedToken, Stream } from "../decode/stream.ts";
import type { Load } from "./protocol.ts";
import { type ReadSubmission, Reads } from "./reads.ts";

/** How a scheduler shares its calls among streams. */
export interface SchedulerOptions {
  /** Streams that share a call; 16 by default. */
  readonly slots?: number;
  /** Off: one stream after the other. */
  readonly batching?: boolean;
  /** Awaited between calls: the moment at which new submissions and cancellations arrive. */
  readonly betweenCalls?: () => Promise<void>;
}

/**
 * One stream to run, and who hears of it. After `onEnd` or `onError` nothing more comes, but that `onError` also hears
 * of what the others throw. What `onError` throws is lost. No other stream notices.
 */
export interface Submission {
  readonly prompt: ArrayLike<number>;
  /** With a draft, rounds of speculation of its own: nothing of it shares a call. */
  readonly options: Omit<GenerateOptions, "signal">;
  /** True ends the stream here. */
  onToken(token: GeneratedToken): boolean;
  /** Called once, after the last token. */
  onEnd(finish: Finish): void;
  /** Called once instead, where decoding fails. */
  onError(error: unknown): void;
}

interface Entry {
  readonly submission: Submission;
  stream?: Stream | Speculation;
  isCancelled: boolean;
}

/** Prompts are computed whole, so that few are let in between two calls: one, or several short ones. */
const PROMPT_TOKENS_A_CALL = 64;
/** Texts that are only read go many together where no stream waits for them, and are let in like prompts otherwise. */
const READ_TOKENS_A_CALL = 1024;

/**
 * Depth-wise continuous batching. Every loop uses the same weights, so one call of the core carries streams at
 * different loops, positions and budgets. A submission joins at the next call, and its slot is free when it ends.
 */
export class Scheduler {
  readonly #decoder: Decoder;
  readonly #slots: number;
  readonly #betweenCalls: (() => Promise<void>) | undefined;
  readonly #waiting = new Set<Entry>();
  readonly #running = new Set<Entry>();
  readonly #reads: Reads;
  #calls = 0;
  #streamLoops = 0;
  #work: Promise<void> | undefined;

  constructor(decoder: Decoder, { slots = 16, batching = true, betweenCalls }: SchedulerOptions = {}) {
    this.#decoder = decoder;
    this.#slots = batching ? slots : 1;
    this.#betweenCalls = betweenCalls;
    this.#reads = new Reads(decoder);
  }

  /** What is running, waiting and held at this moment. */
  get load(): Load {
    const streams = [...this.#running].flatMap(({ stream }) => stream ?? []);
    return {
      running: this.#running.size,
      waiting: this.#waiting.size + this.#reads.size,
      cacheBytes: streams.reduce((sum, { cacheBytes }) => sum + cacheBytes, 0),
      calls: this.#calls,
      streamLoops: this.#streamLoops,
    };
  }

  /** Queues a submission. What it returns cancels the submission: its slot is free at once and it hears nothing more. */
  submit(submission: Submission): () => void {
    const entry: Entry = { submission, isCancelled: false };
    this.#waiting.add(entry);
    this.#work ??= this.#run();
    return () => {
      entry.isCancelled = true;
      this.#leave(entry);
    };
  }

  /** Queues a text to read. What it returns cancels the submission, which then hears nothing more. */
  read(submission: ReadSubmission): () => void {
    const cancel = this.#reads.add(submission);
    this.#work ??= this.#run();
    return cancel;
  }

  /** Works until nothing is left. It never rejects: whoever waits for a later stream waits for it. */
  async #run(): Promise<void> {
    await this.#pause();
    while (this.#waiting.size + this.#running.size + this.#reads.size > 0) {
      await this.#round();
      await this.#pause();
    }
    this.#work = undefined;
  }

  /** What fails between calls fails all streams there are, and none that comes later. */
  async #pause(): Promise<void> {
    try {
      await this.#betweenCalls?.();
    } catch (error) {
      for (const entry of [...this.#waiting, ...this.#running]) this.#fail(entry, error);
      this.#reads.failAll(error);
    }
  }

  async #round(): Promise<void> {
    await this.#admit();
    const group = [...this.#running];
    const alone = group.filter(({ stream }) => stream instanceof Speculation);
    const shared = group.filter(({ stream }) => stream instanceof Stream);
    if (shared.length > 0) await this.#advance(shared);
    for (const entry of alone) await this.#advanceAlone(entry);
    await this.#read();
  }

  async #read(): Promise<void> {
    const before = this.#decoder.calls;
    const texts = await this.#reads.readSome(
      this.#running.size > 0 ? PROMPT_TOKENS_A_CALL : READ_TOKENS_A_CALL,
    );
    this.#count(this.#decoder.calls - before, texts);
  }

  #count(calls: number, streams: number): void {
    this.#calls += calls;
    this.#streamLoops += calls * streams;
  }

  async #admit(): Promise<void> {
    let room = PROMPT_TOKENS_A_CALL;
    for (const entry of this.#waiting) {
      const { length } = entry.submission.prompt;
      const isFirst = room === PROMPT_TOKENS_A_CALL;
      if (this.#running.size >= this.#slots || (!isFirst && length > room)) return;
      room -= length;
      this.#waiting.delete(entry);
      this.#running.add(entry);
      await this.#open(entry);
    }
  }

  /** Opens a stream and computes its prompt, alone: a prompt that fails takes no other stream with it. */
  async #open(entry: Entry): Promise<void> {
    const { prompt, options } = entry.submission;
    try {
      entry.stream = options.draft
        ? await Speculation.open(this.#decoder, prompt, options as SpeculateOptions)
        : await Stream.open(this.#decoder, prompt, options);
    } catch (error) {
      this.#fail(entry, error);
      return;
    }
    if (entry.stream.finish) this.#end(entry, entry.stream.finish);
    else if (entry.isCancelled) return;
    else if (entry.stream instanceof Speculation) await this.#advanceAlone(entry);
    else await this.#advance([entry]);
  }

  async #advance(group: readonly Entry[]): Promise<void> {
    const streams = group.flatMap(({ stream }) => (stream instanceof Stream ? stream : []));
    this.#count(1, streams.length);
    try {
      const tokens = await advance(this.#decoder, streams);
      for (const [index, entry] of group.entries()) this.#deliver(entry, tokens[index], entry.stream?.finish);
    } catch (error) {
      for (const entry of group) this.#fail(entry, error);
    }
  }

  /** One round of drafting and verifying. */
  async #advanceAlone(entry: Entry): Promise<void> {
    if (entry.isCancelled) return;
    const stream = entry.stream as Speculation;
    const before = this.#decoder.calls;
    try {
      const tokens = await stream.round();
      for (const [index, token] of tokens.entries())
        this.#deliver(entry, token, index === tokens.length - 1 ? stream.finish : undefined);
    } catch (error) {
      this.#fail(entry, error);
    }
    this.#count(this.#decoder.calls - before, 1);
  }

  #deliver(entry: Entry, token: GeneratedToken | undefined, finish: Finish | undefined): void {
    if (!token || entry.isCancelled || !this.#running.has(entry)) return;
    try {
      const end = entry.submission.onToken(token) ? "stop" : finish;
      if (end) this.#end(entry, end);
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #end(entry: Entry, finish: Finish): void {
    this.#leave(entry);
    if (entry.isCancelled) return;
    try {
      entry.submission.onEnd(finish);
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #fail(entry: Entry, error: unknown): void {
    this.#leave(entry);
    if (entry.isCancelled) return;
    try {
      entry.submission.onError(error);
    } catch {}
  }

  #leave(entry: Entry): void {
    this.#waiting.delete(entry);
    this.#running.delete(entry);
  }
}

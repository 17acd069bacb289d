import type { Decoder } from "../generate/decoder.ts";
import { advance, type Finish, type GeneratedToken, Stream, type StreamOptions } from "../generate/stream.ts";
import type { Load } from "./protocol.ts";

export interface SchedulerOptions {
  /** Streams that share a call; 16 by default. */
  readonly slots?: number;
  /** Off: one stream after the other. */
  readonly batching?: boolean;
  /** Awaited between calls: the moment at which new tasks and cancellations arrive. */
  readonly betweenCalls?: () => Promise<void>;
}

/** One stream to run, and who hears of it. After `onEnd` or `onError` nothing more comes. */
export interface Task {
  readonly prompt: ArrayLike<number>;
  readonly options: StreamOptions;
  /** True ends the stream here. */
  onToken(token: GeneratedToken): boolean;
  onEnd(finish: Finish): void;
  onError(error: unknown): void;
}

interface Entry {
  readonly task: Task;
  stream?: Stream;
  isCancelled: boolean;
}

/** Prompts are computed whole, so that few are let in between two calls: one, or several short ones. */
const PROMPT_TOKENS_A_CALL = 64;

/**
 * Depth-wise continuous batching. Every loop uses the same weights, so one call of the core carries streams at
 * different loops, positions and budgets. A task joins at the next call, and its slot is free when it ends.
 */
export class Scheduler {
  readonly #decoder: Decoder;
  readonly #slots: number;
  readonly #betweenCalls: (() => Promise<void>) | undefined;
  readonly #waiting = new Set<Entry>();
  readonly #running = new Set<Entry>();
  #calls = 0;
  #streamLoops = 0;
  #work: Promise<void> | undefined;

  constructor(decoder: Decoder, { slots = 16, batching = true, betweenCalls }: SchedulerOptions = {}) {
    this.#decoder = decoder;
    this.#slots = batching ? slots : 1;
    this.#betweenCalls = betweenCalls;
  }

  get load(): Load {
    const streams = [...this.#running].flatMap(({ stream }) => stream ?? []);
    return {
      running: this.#running.size,
      waiting: this.#waiting.size,
      cacheBytes: streams.reduce((sum, { cacheBytes }) => sum + cacheBytes, 0),
      calls: this.#calls,
      streamLoops: this.#streamLoops,
    };
  }

  /** Queues a task. What it returns cancels the task: its slot is free at once and it hears nothing more. */
  submit(task: Task): () => void {
    const entry: Entry = { task, isCancelled: false };
    this.#waiting.add(entry);
    this.#work ??= this.#run();
    return () => {
      entry.isCancelled = true;
      this.#leave(entry);
    };
  }

  async #run(): Promise<void> {
    await this.#betweenCalls?.();
    while (this.#waiting.size + this.#running.size > 0) {
      await this.#admit();
      const group = [...this.#running];
      if (group.length > 0) await this.#advance(group);
      await this.#betweenCalls?.();
    }
    this.#work = undefined;
  }

  async #admit(): Promise<void> {
    let room = PROMPT_TOKENS_A_CALL;
    for (const entry of this.#waiting) {
      const { length } = entry.task.prompt;
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
    const { prompt, options } = entry.task;
    try {
      entry.stream = await Stream.open(this.#decoder, prompt, options);
    } catch (error) {
      this.#fail(entry, error);
      return;
    }
    if (entry.stream.finish) this.#end(entry, entry.stream.finish);
    else if (!entry.isCancelled) await this.#advance([entry]);
  }

  async #advance(group: readonly Entry[]): Promise<void> {
    const streams = group.flatMap(({ stream }) => stream ?? []);
    this.#calls++;
    this.#streamLoops += streams.length;
    try {
      const tokens = await advance(this.#decoder, streams);
      for (const [index, entry] of group.entries()) this.#deliver(entry, tokens[index]);
    } catch (error) {
      for (const entry of group) this.#fail(entry, error);
    }
  }

  #deliver(entry: Entry, token: GeneratedToken | undefined): void {
    if (!token || entry.isCancelled) return;
    try {
      const isDone = entry.task.onToken(token);
      const finish = isDone ? "stop" : entry.stream?.finish;
      if (finish) this.#end(entry, finish);
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #end(entry: Entry, finish: Finish): void {
    this.#leave(entry);
    if (!entry.isCancelled) entry.task.onEnd(finish);
  }

  #fail(entry: Entry, error: unknown): void {
    this.#leave(entry);
    if (!entry.isCancelled) entry.task.onError(error);
  }

  #leave(entry: Entry): void {
    this.#waiting.delete(entry);
    this.#running.delete(entry);
  }
}

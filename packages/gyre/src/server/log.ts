import type { JobEnd } from "./protocol.ts";

/** What the log says of one request; nothing of its prompt or its answer. */
export interface RequestRecord {
  /** When it came, ISO 8601. */
  readonly time: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** 499 where the client left before its answer began. */
  readonly status: number;
  /** To the end of the answer. */
  readonly elapsedMs: number;
  readonly model?: string;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  /** Mean over the completion's tokens. */
  readonly loops?: number;
  /** The code of what went wrong, also within a stream. */
  readonly error?: string;
}

type Details = Pick<RequestRecord, "model" | "promptTokens" | "completionTokens" | "loops" | "error">;

/** A request's record while it is being answered. */
export class RequestNote {
  status = 0;
  /** The answer goes on after its response has begun; whoever writes it calls `end`. */
  isStreamed = false;
  readonly #start = { time: new Date().toISOString(), atMs: performance.now() };
  readonly #request: { readonly method: string; readonly path: string };
  readonly #write: (record: RequestRecord) => void;
  #details: Details = {};
  #isEnded = false;

  constructor(
    request: { readonly method: string; readonly path: string },
    write: (record: RequestRecord) => void,
  ) {
    this.#request = request;
    this.#write = write;
  }

  get elapsedMs(): number {
    return performance.now() - this.#start.atMs;
  }

  add(details: Details): void {
    this.#details = { ...this.#details, ...details };
  }

  /** Takes what a whole answer came to. */
  addEnds(promptTokens: number, ends: readonly JobEnd[]): void {
    const loops = ends.flatMap((end) => end.loops);
    const sum = loops.reduce((total, value) => total + value, 0);
    const mean = loops.length > 0 ? { loops: sum / loops.length } : {};
    this.add({ promptTokens, completionTokens: loops.length, ...mean });
  }

  /** Writes the record, once. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { status, elapsedMs } = this;
    this.#write({ time: this.#start.time, ...this.#request, status, elapsedMs, ...this.#details });
  }
}

/** The ways to write a line of the request log. */
export const logFormats = ["text", "json"] as const;
/** How a line of the request log is written. */
export type LogFormat = (typeof logFormats)[number];

/**
 * A record as one line, without a line break: words, or JSON.
 *
 * @example
 * await serve(["runs/first"], { onRequest: (record) => console.error(logLine(record, "text")) });
 * // 2026-11-02T09:14:05.120Z POST /v1/completions 200 152 ms first 6+40 tokens 2 loops
 */
export function logLine(record: RequestRecord, format: LogFormat): string {
  const { elapsedMs, ...rest } = record;
  const ms = Math.round(elapsedMs * 10) / 10;
  if (format === "json") {
    const { time, method, path, status, ...details } = rest;
    return JSON.stringify({ time, method, path, status, ms, ...details });
  }
  const { time, method, path, status, model, promptTokens, completionTokens, loops, error } = rest;
  return [
    `${time} ${method} ${path} ${status} ${ms} ms`,
    ...(model === undefined ? [] : [model]),
    ...(completionTokens === undefined ? [] : [`${promptTokens}+${completionTokens} tokens`]),
    ...(loops === undefined ? [] : [`${Math.round(loops * 100) / 100} loops`]),
    ...(error === undefined ? [] : [error]),
  ].join(" ");
}

import type { GeneratedToken, StreamOptions } from "../decode/stream.ts";
import type { Budget, Spec } from "../models/spec.ts";
import type { FetchProgress } from "../runs/downloads.ts";
import type { FetchModelOptions } from "../runs/fetch-model.ts";
import type { WebRuntimeOptions } from "../runtime/onnx.web.ts";
import type { StepEvent } from "../train/optimise.ts";
import type { TrainingInput } from "../train/options.ts";
import type { ErrorDetail } from "../util/errors.ts";

// What a page and its worker say to each other: plain data alone.

/** A model to fetch, and the runtime that it shall have. */
export interface LoadRequest
  extends Pick<FetchModelOptions, "loops" | "mostBytes" | "withState">,
    Pick<WebRuntimeOptions, "provider" | "threads" | "wasmPaths"> {
  readonly url: string;
  /** Keep the files in Cache Storage; true by default. */
  readonly cache?: boolean;
}

/** A new model on bytes, and the runtime that it shall have. */
export interface CreateRequest extends Pick<WebRuntimeOptions, "provider" | "threads" | "wasmPaths"> {
  readonly spec: Spec;
  readonly seed: number;
}

/** What a worker has ready. */
export interface Loaded {
  readonly spec: Spec;
  readonly tokenizer: { readonly kind: string; readonly vocab: number };
  /** Of a run's checkpoint, and of what was trained since. */
  readonly step: number;
  readonly runtime: string;
  /** What went otherwise than asked: no WebGPU, storage that is full. */
  readonly warnings: readonly string[];
}

/** How a text goes on; an exit rule is a function, and cannot be sent. */
export interface WriteOptions extends Omit<StreamOptions, "loops" | "vocab" | "stop" | "follow"> {
  readonly loops?: Budget;
}

/** A token as it comes. */
export interface Written extends Omit<GeneratedToken, "logits"> {
  /** What the token adds to the text; bytes of an unfinished character wait for the next one. */
  readonly text: string;
}

interface Call<Given, Event, Value> {
  readonly given: Given;
  readonly event: Event;
  readonly value: Value;
}

/** Every call: what is given, what is told while it goes on, what comes of it. */
export interface Calls {
  readonly load: Call<LoadRequest, FetchProgress, Loaded>;
  readonly create: Call<CreateRequest, never, Loaded>;
  readonly generate: Call<{ readonly prompt: string; readonly options: WriteOptions }, Written, undefined>;
  readonly logits: Call<{ readonly prompt: string }, never, readonly Float32Array[]>;
  readonly train: Call<{ readonly text: string; readonly training: TrainingInput }, StepEvent, number>;
  readonly files: Call<undefined, never, ReadonlyMap<string, Uint8Array>>;
}
export type CallName = keyof Calls;

/** From the page; `id` is the page's own number of the call. */
export type Request =
  | { readonly [Name in CallName]: { id: number; call: Name; given: Calls[Name]["given"] } }[CallName]
  | { readonly id: number; readonly abort: true };

/** From the worker: some events, then one value or one error. */
export type Response =
  | { readonly id: number; readonly event: Calls[CallName]["event"] }
  | { readonly id: number; readonly value: Calls[CallName]["value"] }
  | { readonly id: number; readonly error: SentError };

/** An error as plain data; `code` and `detail` are those of a GyreError. */
export interface SentError {
  readonly message: string;
  readonly code?: string;
  readonly detail?: ErrorDetail;
}

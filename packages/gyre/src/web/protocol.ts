import type { GeneratedToken, StreamOptions } from "../decode/stream.ts";
import type { Budget, Spec } from "../models/spec.ts";
import type { AnswerPoint } from "../report/answers.ts";
import type { BudgetPoint } from "../report/report.ts";
import type { FetchProgress } from "../runs/downloads.ts";
import type { FetchModelOptions } from "../runs/fetch-model.ts";
import type { WebRuntime, WebRuntimeOptions } from "../runtime/onnx.web.ts";
import type { AnswerTrainingInput } from "../train/answer-options.ts";
import type { StepEvent } from "../train/optimise.ts";
import type { TrainingInput } from "../train/options.ts";
import type { ErrorDetail } from "../util/errors.ts";

// What a page and its worker say to each other: plain data alone.

/** The runtime that a worker shall have. */
export type WorkerHost = Pick<WebRuntimeOptions, "provider" | "threads" | "wasmPaths">;

/** A model to fetch, and the runtime that it shall have. */
export interface LoadRequest
  extends Pick<FetchModelOptions, "loops" | "mostBytes" | "withState">,
    WorkerHost {
  readonly url: string;
  /** Whether it is a run on the answers of a task. */
  readonly isTask?: boolean;
  /** Keep the files in Cache Storage; true by default. */
  readonly cache?: boolean;
}

/** A form of a task of tokens; its usual one where `variant` is left out. */
export interface TaskRequest {
  readonly name: string;
  readonly variant?: string | undefined;
}

/** A new model, of bytes or of a task's tokens, and the runtime that it shall have. */
export interface CreateRequest extends WorkerHost {
  readonly spec: Spec;
  readonly seed: number;
  /** Standard deviation that weights start with. */
  readonly initStd?: number;
  readonly task?: TaskRequest;
  /** How it will be trained on the task, whose usual problems may be longer than the model's context. */
  readonly training?: AnswerTrainingInput;
}

/** A run whose files the page has, by their paths in it, and the runtime that it shall have. */
export interface OpenRequest extends WorkerHost {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** How errors call the run. */
  readonly name: string;
}

/** What a worker has ready. */
export interface Loaded {
  readonly spec: Spec;
  /** Undefined of a model of a task's tokens. */
  readonly tokenizer: { readonly kind: string; readonly vocab: number } | undefined;
  readonly task?: TaskRequest;
  /** How it was trained, of a run. */
  readonly training?: TrainingInput;
  /** Bytes of the text that came with it. */
  readonly textBytes?: number;
  /** Lines of metrics.jsonl that came with it. */
  readonly metrics?: string;
  /** Of a run's checkpoint, and of what was trained since. */
  readonly step: number;
  readonly runtime: string;
  /** What computes, and why it is not the GPU that was asked for, where it is not. */
  readonly provider: WebRuntime["provider"];
  readonly reason?: string;
  /** What went otherwise than asked: no WebGPU, storage that is full. */
  readonly warnings: readonly string[];
}

/** How a text goes on. */
export interface WriteOptions extends Omit<StreamOptions, "loops" | "vocab" | "stop" | "follow"> {
  readonly loops?: Budget;
  /** An exit rule as `exitRule` reads it, like `probability>0.9`; `loops` is then the most that a token runs. */
  readonly exit?: string;
}

/** A token as it comes. */
export interface Written extends Omit<GeneratedToken, "logits"> {
  /** What the token adds to the text; bytes of an unfinished character wait for the next one. */
  readonly text: string;
  /** Probability that the model gave it, at temperature 1. */
  readonly probability: number;
}

/** The text of a page, split: bytes that are trained on, and bytes on which quality is measured. */
export interface Prepared {
  readonly trainBytes: number;
  readonly validationBytes: number;
}

/** How quality is measured. */
export interface QualityRequest {
  readonly budgets: readonly Budget[];
  /** Of a text: predict no more tokens than these. */
  readonly maxTokens?: number;
  /** Of a task: held-out problems that are asked. */
  readonly count?: number;
  /** Of a task: their difficulties; the hardest that training draws unless told. */
  readonly difficulties?: readonly number[];
}

/** How far a model is trained, and how. */
export interface TrainRequest {
  /** The text; without one, what was prepared or the model's task. */
  readonly text: string | undefined;
  readonly training: AnswerTrainingInput;
  /** Stop after this step, to go on later; the last one by default. */
  readonly until?: number | undefined;
}

/** A text that was written, whose tokens are looked into. */
export interface LensRequest {
  readonly prompt: string;
  /** What was written after it. */
  readonly tokens: readonly number[];
  readonly budget: Budget;
  /** Tokens that are told after each loop, the likeliest; 3 unless told. */
  readonly count?: number;
}

/** What the model would have said in the place of one token: after each loop its likeliest tokens, best first. */
export interface LensToken {
  readonly loops: readonly (readonly { readonly text: string; readonly probability: number }[])[];
}

/** Tokens to read at several budgets. */
export interface AnswersRequest {
  readonly tokens: readonly number[];
  readonly budgets: readonly Budget[];
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
  readonly open: Call<OpenRequest, never, Loaded>;
  readonly prepare: Call<{ readonly text: string }, never, Prepared>;
  readonly generate: Call<{ readonly prompt: string; readonly options: WriteOptions }, Written, undefined>;
  readonly logits: Call<{ readonly prompt: string }, never, readonly Float32Array[]>;
  readonly lens: Call<LensRequest, never, readonly LensToken[]>;
  readonly answers: Call<AnswersRequest, never, readonly Float32Array[]>;
  readonly train: Call<TrainRequest, StepEvent, number>;
  readonly quality: Call<QualityRequest, BudgetPoint | AnswerPoint, undefined>;
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

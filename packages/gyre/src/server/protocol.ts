import type { Draft } from "../decode/speculate.ts";
import type { Budget } from "../models/spec.ts";
import type { ErrorDetail } from "../util/errors.ts";

// What HTTP and computation say to each other. Plain data, so that it can cross to a worker.

/** One text to write: a choice of a request. */
export interface Job {
  readonly prompt: readonly number[];
  readonly budget: Budget;
  /** A rule that leaves the budget's loops early, as text. */
  readonly exit?: string;
  /** Few loops that draft; not with a rule. */
  readonly draft?: Draft;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  /** Texts that end it; none of them is given out. */
  readonly stops: readonly string[];
  /** Give out the prompt before the text, and with `logprobs` report its tokens. */
  readonly echo: boolean;
  /** Leave out one space at the start, as after "Assistant:". */
  readonly dropsSpace: boolean;
  /** Alternatives to report with each token; undefined reports nothing. */
  readonly logprobs?: number;
}

/** A token and its probability. */
export interface TokenChance {
  /** Its text, or `token_id:N` where it is a part of a character. */
  readonly token: string;
  readonly bytes: readonly number[] | null;
  /** Natural logarithm of the model's own probability, before temperature and top-p. */
  readonly logprob: number;
}

/** A token of a text with its probability and the likeliest others. */
export interface ChosenToken extends Omit<TokenChance, "logprob"> {
  /** Null where nothing comes before it: a prompt's first token. */
  readonly logprob: number | null;
  /** Where it begins in the text, in characters. */
  readonly offset: number;
  readonly alternatives: readonly TokenChance[];
}

/** Text that may be given out, and the tokens that it completes (only where a job asks for them). */
export interface Piece {
  readonly text: string;
  readonly tokens: readonly ChosenToken[];
}

export interface JobEnd extends Piece {
  readonly type: "end";
  readonly finish: "stop" | "length";
  /** Loops that each token ran. */
  readonly loops: readonly number[];
  /** Loops that the predictions of the prompt's tokens ran, where they were reported. */
  readonly promptLoops: readonly number[];
  readonly blockPasses: number;
  readonly draftsAccepted: number;
}

/** A computation that failed: by a fault of its own, or because its worker is gone. */
export interface JobFailure {
  readonly type: "failure";
  readonly isGone: boolean;
  readonly reason: string;
}

/** What a scheduler says of a job: a piece of text, its end, or what failed. */
export type JobEvent = ({ readonly type: "piece" } & Piece) | JobEnd | JobFailure;

/** What a scheduler has to do and holds. */
export interface Load {
  readonly running: number;
  readonly waiting: number;
  readonly cacheBytes: number;
  /** Calls of the core so far, and the loops of all streams that went through them. */
  readonly calls: number;
  readonly streamLoops: number;
}

export const idle: Load = { running: 0, waiting: 0, cacheBytes: 0, calls: 0, streamLoops: 0 };

export type ToWorker =
  | { readonly type: "start"; readonly id: number; readonly job: Job }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "ready"; readonly warnings: readonly string[] }
  | { readonly type: "refused"; readonly code: string; readonly detail: ErrorDetail }
  | { readonly type: "turn"; readonly events: readonly [number, JobEvent][]; readonly load: Load };

/** Computes jobs of one model. */
export interface Engine {
  /** Why it cannot compute any more, if so. */
  readonly failure: string | undefined;
  /** Jobs that have not ended. */
  readonly pending: number;
  readonly load: Load;
  /** Starts a job; call what it returns to end the job at once, without further events. */
  start(job: Job, onEvent: (event: JobEvent) => void): () => void;
}

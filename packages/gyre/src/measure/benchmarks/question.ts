/** Where a question was read. */
export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** A continuation whose probability after a context is asked for. */
export interface Request {
  readonly context: string;
  /** With the delimiter before it. */
  readonly continuation: string;
}

/** Which of several continuations is the most likely? */
export interface ChoiceQuestion {
  readonly kind: "choices";
  readonly place: Place;
  /** One for each choice. */
  readonly requests: readonly Request[];
  /** The choices without their delimiter: `acc_norm` and `acc_bytes` divide by their lengths. */
  readonly choices: readonly string[];
  /** Index of the right one. */
  readonly gold: number;
}

/** Is this continuation what the model would write, always taking the most likely token? */
export interface LastWordQuestion {
  readonly kind: "last-word";
  readonly place: Place;
  readonly request: Request;
}

/** How likely is a whole document? */
export interface RollingQuestion {
  readonly kind: "rolling";
  readonly place: Place;
  readonly text: string;
}

/** Does the model, always taking the most likely token, write one of these answers? */
export interface GenerationQuestion {
  readonly kind: "generation";
  readonly place: Place;
  readonly context: string;
  readonly answers: readonly string[];
}

/** One question of a benchmark. */
export type Question = ChoiceQuestion | LastWordQuestion | RollingQuestion | GenerationQuestion;
/** How a question is asked: choices, a last word, a text to be predicted, or an answer to be written. */
export type QuestionKind = Question["kind"];

/** What each kind of question can be measured by. */
export const metricsOf = {
  choices: ["acc", "acc_norm", "acc_bytes"],
  "last-word": ["acc", "perplexity"],
  rolling: ["word_perplexity", "byte_perplexity", "bits_per_byte"],
  generation: ["exact_match"],
} as const satisfies Record<QuestionKind, readonly string[]>;

/** A number by which a benchmark is measured, named as lm-eval names it. */
export type BenchmarkMetric = (typeof metricsOf)[QuestionKind][number];

/** How an answer is written and compared. */
export interface Writing {
  /** Texts that end the answer and are no part of it. */
  readonly stop: readonly string[];
  readonly maxTokens: number;
  readonly ignoreCase: boolean;
  readonly ignorePunctuation: boolean;
}

/** Questions of one kind with the metrics that they are scored by. */
export interface Benchmark {
  readonly name: string;
  readonly kind: QuestionKind;
  /** The file of questions. */
  readonly path: string;
  readonly metrics: readonly BenchmarkMetric[];
  readonly questions: readonly Question[];
  /** Of `generation`. */
  readonly writing?: Writing;
}

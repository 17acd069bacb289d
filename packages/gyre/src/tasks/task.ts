/** Prompts of one batch as the models read them. B prompts, T tokens, R readings. */
export interface Prompts {
  /** Token vectors [B, T, width]. */
  readonly tokens: Float32Array;
  /** What should be predicted [B, R, outputs]. */
  readonly targets: Float32Array;
  readonly batch: number;
  readonly length: number;
  readonly width: number;
  readonly outputs: number;
  /** Token positions at which predictions are read, R of them. */
  readonly readAt: readonly number[];
}
/** Which prompts of vectors a task draws: a pure function of these. */
export interface DrawOptions {
  readonly seed: number;
  /** Distinguishes training steps and evaluation sets. */
  readonly stream: string;
  readonly batch: number;
  /** In-context examples plus the query (or tokens of a series). */
  readonly points: number;
  /** Coordinates in use; the others are zero (curriculum). */
  readonly dims: number;
  /** Standard deviation of the labels' noise; 0 by default. */
  readonly noise?: number;
}

/**
 * The same prompts as the classical algorithms read them, in float64: reading r is to predict ys[r] from xs[r],
 * knowing the earlier readings of its stage.
 */
export interface Problem {
  /** Inputs [B, R, width]. */
  readonly xs: Float64Array;
  /** Labels [B, R, outputs]. */
  readonly ys: Float64Array;
  readonly batch: number;
  readonly readings: number;
  readonly width: number;
  readonly outputs: number;
  /** Reading r belongs to stage r mod `stages`; stages are separate regressions. */
  readonly stages: number;
  /** What the labels are linear in, where that is known [B, R, featureWidth]. */
  readonly features?: Float64Array;
  readonly featureWidth?: number;
}

export interface Drawn extends Prompts {
  readonly problem: Problem;
}

/** What training and evaluation need of a task. */
export interface PromptTask {
  readonly name: string;
  /** Coordinates of an input at full size. */
  readonly dims: number;
  readonly outputs: number;
  /** Width of a token vector. */
  readonly tokenWidth: number;
  /** Usual number of points: examples plus the query, or tokens of a series. */
  readonly points: number;
  /** Prompts, a pure function of the options. */
  draw(options: DrawOptions): Prompts;
}

/** A family of prompts: a seeded generator with what is needed to score and to compare. */
export interface VectorTask extends PromptTask {
  readonly kind: "vectors";
  readonly summary: string;
  /** Squared errors, summed over outputs, are divided by this: predicting the mean scores about 1. */
  readonly scale: number;
  /** Prompts, a pure function of the options. Throws LAB_DRAW. */
  draw(options: DrawOptions): Drawn;
  /** Names of the classical algorithms that apply. */
  readonly baselines: readonly string[];
}

/** From the easiest to the hardest, both included. */
export interface DifficultyRange {
  readonly from: number;
  readonly to: number;
}

/** Which problems of tokens a task draws: a pure function of these. */
export interface TokenDrawOptions {
  readonly seed: number;
  /** Distinguishes training steps and evaluation sets. */
  readonly stream: string;
  readonly batch: number;
  /** Number of the first problem, 0 by default: problem i of a stream is the same in every batch. */
  readonly first?: number;
  /**
   * A number: problems of exactly this difficulty, as the task's paper measures. A range: problems spread over it by
   * the task's own law, as its paper trains. The task's usual range by default.
   */
  readonly difficulty?: number | DifficultyRange;
  /** Tokens of a row; those of the longest possible problem of this difficulty by default. */
  readonly length?: number;
  /** Problems that no training batch ever has, whatever its seed; false by default. */
  readonly isHeldOut?: boolean;
}

/** Problems in rows of one length. B rows, T tokens; what a row has left at its end is filled with token 0. */
export interface TokenBatch {
  /** What the model reads [B, T]. */
  readonly tokens: Int32Array;
  /** What it should predict at each position [B, T], the same one or a later one of its row; -1 where nothing is scored. */
  readonly targets: Int32Array;
  readonly batch: number;
  readonly length: number;
  /** How hard each row is [B]. */
  readonly difficulties: Int32Array;
}

/** One problem: a row without its filling. */
export interface TokenProblem {
  readonly tokens: ArrayLike<number>;
  /** As long as `tokens`; -1 where nothing is scored. */
  readonly targets: ArrayLike<number>;
  readonly difficulty: number;
}

/** What answers problems without being trained here, and how often it is right. */
export interface AnswerBaseline {
  readonly name: string;
  /** Share of the held-out problems that it answers rightly. */
  readonly accuracy: number;
}

/** A family of problems over a vocabulary: a seeded generator with a grader. */
export interface TokenTask {
  readonly kind: "tokens";
  readonly name: string;
  /** Which of the forms of the task, where it has several: a group, a size. */
  readonly variant?: string;
  readonly summary: string;
  /** Paper or code that defines it, and what of it is our choice. */
  readonly source: string;
  /** Readable names of the tokens, by id. Token 0 fills rows; where problems are generated, it occurs nowhere else. */
  readonly vocabulary: readonly string[];
  readonly difficulty: {
    /** What it counts: "numbers to add". */
    readonly counts: string;
    readonly least: number;
    readonly most: number;
    /** What training draws unless told. */
    readonly usual: DifficultyRange;
  };
  /**
   * `read`: predictions are read where they are scored, in one pass, and enter no input. `written`: the answer is a
   * text of its own, each of whose tokens is the next input, so that decoding writes it token by token.
   */
  readonly answer: "read" | "written";
  /**
   * `problems`: an answer is right as a whole. `prefixes`: every prefix of a row is a problem of its own, so that the
   * p-th scored position tells of difficulty p.
   */
  readonly scores: "problems" | "prefixes";
  /** Where problems are grids: cells of a row, for printing. */
  readonly columns?: number;
  /** Whether the targets are the one right answer; where not, `grade` decides. */
  readonly hasOneAnswer: boolean;
  /** How many problems are held out, where there is an end to them. */
  readonly heldOut?: number;
  /** What a model has to beat on all of these, where that is known. */
  readonly baselines?: readonly AnswerBaseline[];
  /** Tokens of the longest problem of this difficulty. */
  maxLength(difficulty: number): number;
  /** Whether there are too few problems of this difficulty to hold any out: training sees them all. */
  isShared(difficulty: number): boolean;
  /** Problems, a pure function of the options. Throws TASK_DRAW. */
  draw(options: TokenDrawOptions): TokenBatch;
  /** Whether an answer is right: one token for each scored position, in order. */
  grade(problem: TokenProblem, answer: ArrayLike<number>): boolean;
}

/** A task of vectors or of tokens. */
export type Task = VectorTask | TokenTask;

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
export interface Task extends PromptTask {
  readonly description: string;
  /** Squared errors, summed over outputs, are divided by this: predicting the mean scores about 1. */
  readonly scale: number;
  /** Prompts, a pure function of the options. Throws LAB_DRAW. */
  draw(options: DrawOptions): Drawn;
  /** Names of the classical algorithms that apply. */
  readonly baselines: readonly string[];
}

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
/** Prompts that share an unknown; learning it from the examples of a prompt is the task. */
export interface Task<Problem = unknown> {
  readonly name: string;
  /** Coordinates of an input. */
  readonly dims: number;
  /** Width of a target. */
  readonly outputs: number;
  readonly tokenWidth: number;
  /** Examples plus the query of a full prompt. */
  readonly points: number;
  /** A pure function of its options. */
  draw(options: DrawOptions): Prompts & { readonly problem: Problem };
}

/** One LoopFormer training setup. `loops` is the long run, `shortLoops` the short one; both take uniform steps. */
export interface BenchConfig {
  readonly width: number;
  readonly heads: number;
  readonly mlp: number;
  readonly layers: number;
  readonly vocab: number;
  readonly context: number;
  readonly batch: number;
  readonly loops: number;
  readonly shortLoops: number;
}

export const configs = {
  XS: { width: 32, heads: 4, mlp: 64, layers: 1, vocab: 64, context: 32, batch: 2, loops: 4, shortLoops: 2 },
  S: {
    width: 256,
    heads: 8,
    mlp: 1024,
    layers: 2,
    vocab: 4096,
    context: 256,
    batch: 8,
    loops: 4,
    shortLoops: 2,
  },
  M: {
    width: 384,
    heads: 6,
    mlp: 1024,
    layers: 3,
    vocab: 8192,
    context: 256,
    batch: 8,
    loops: 8,
    shortLoops: 4,
  },
} as const satisfies Readonly<Record<string, BenchConfig>>;

/** A Looped Transformer of one layer on prompts of linear regression. */
export interface IclConfig {
  readonly width: number;
  readonly heads: number;
  readonly loops: number;
  /** Last loops, over which the loss is averaged and to which gradients reach. */
  readonly window: number;
  readonly batch: number;
  readonly points: number;
  readonly dims: number;
}

export const iclConfigs = {
  XS: { width: 16, heads: 2, loops: 4, window: 2, batch: 4, points: 4, dims: 2 },
  S: { width: 64, heads: 4, loops: 12, window: 6, batch: 64, points: 11, dims: 5 },
  M: { width: 256, heads: 8, loops: 20, window: 15, batch: 64, points: 41, dims: 20 },
} as const satisfies Readonly<Record<ConfigName, IclConfig>>;

/** Questions of two choices, drawn at random. */
export interface QuestionsConfig {
  readonly questions: number;
  /** Tokens of a context with one of its choices. */
  readonly tokens: number;
  /** Tokens of a choice, which are scored. */
  readonly scored: number;
}

export const twoChoices: QuestionsConfig = { questions: 1000, tokens: 64, scored: 8 };
/** One position of so many is scored where training is on answers. */
export const SCORED_ONE_IN = 8;

export type ConfigName = keyof typeof configs;

export function isConfigName(name: string): name is ConfigName {
  return Object.hasOwn(configs, name);
}

/**
 * FLOPs of one training step: 2 x the multiply-adds of the matrix products, with full (non-causal) attention, x 3 for
 * forward and backward, over the long and the short run, head included. The conditioning (one row per loop) is left out.
 */
export function flopsPerStep(config: BenchConfig): number {
  const { width, mlp, layers, vocab, context, batch } = config;
  const linear = 4 * width * width + 2 * width * mlp;
  const attention = 2 * context * width;
  const core = (config.loops + config.shortLoops) * layers * (linear + attention);
  const head = 2 * width * vocab;
  return 3 * 2 * batch * context * (core + head);
}

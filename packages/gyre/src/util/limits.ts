/**
 * The largest sizes that a spec, a config, a recipe or a request may ask for: far above anything that is trained, and
 * below what overflows an array or never ends. Whether a size fits a machine is asked where memory is taken.
 */
export const most = {
  /** Loops of one run: graphs and conditions are built for each. */
  loops: 1024,
  /** Layers of one stage. */
  layers: 1024,
  heads: 1024,
  width: 65_536,
  /** Hidden width of a feed-forward network. */
  mlp: 262_144,
  vocab: 2 ** 22,
  /** Tokens of a text or prompt. */
  context: 2 ** 20,
  /** Values of one parameter. */
  values: 2 ** 30,
  /** Texts or prompts of a micro-batch, and micro-batches of a step. */
  batch: 65_536,
  /** Tokens of a micro-batch. */
  batchTokens: 2 ** 26,
  steps: 1e9,
} as const;

import { permutation, rng } from "../util/rng.ts";
import { badOption, tooFewTokens } from "./errors.ts";

/** The tokens of one split, documents one after the other, each followed by end of text. */
export interface TokenSplit {
  /** Number of tokens. */
  readonly length: number;
  /** Number of UTF-8 bytes that the tokens stand for. */
  readonly bytes: number;
  /** Every token is below. */
  readonly vocab: number;
  /** The tokens from `start` to before `end`, to be read and not written to. */
  read(start: number, end: number): Uint16Array | Uint32Array;
  /** Which of these are targets: 1, or 0 of prompts, which are read and not learned. All of them where it is left out. */
  scored?: ((start: number, end: number) => Uint8Array) | undefined;
}

/**
 * A split whose tokens are in memory. `scored` is a label mask: 1 for each token that is a target, 0 for one that is read and not
 * learned.
 *
 * @example
 * const split = memorySplit(Uint16Array.of(72, 105, 256), { bytes: 2, scored: Uint8Array.of(0, 1, 1) });
 */
export function memorySplit(
  tokens: Uint16Array | Uint32Array,
  { bytes = tokens.length, scored }: { readonly bytes?: number; readonly scored?: Uint8Array } = {},
): TokenSplit {
  if (scored && scored.length !== tokens.length)
    throw badOption("scored", `${scored.length} numbers`, `${tokens.length}, one for each token`);
  let largest = -1;
  for (const token of tokens) largest = Math.max(largest, token);
  const read = (start: number, end: number) => tokens.subarray(start, end);
  const ofScored = scored && { scored: (start: number, end: number) => scored.subarray(start, end) };
  return { length: tokens.length, bytes, vocab: largest + 1, read, ...ofScored };
}

/** `tokens` and `targets` (the next tokens, -1 where they are not scored) are row-major [batch, context]. */
export interface Batch {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

/** Which windows of a split make one batch: a pure function of the seed and the step. */
export interface BatchOptions {
  readonly split: TokenSplit;
  readonly context: number;
  readonly batch: number;
  readonly seed: number;
  /** Optimizer step, from 0. */
  readonly step: number;
  /** Which of the step's `microBatches` this is, from 0. */
  readonly micro?: number;
  readonly microBatches?: number;
}

/**
 * Number of whole windows of a split: window i reads tokens i * context to i * context + context, the last of
 * which is only a target. Windows share no target. Throws DATA_TOO_SHORT when there is not one.
 */
export function windowCount(split: TokenSplit, context: number): number {
  requireWhole("context", context, 1);
  const count = Math.floor((split.length - 1) / context);
  if (count < 1) throw tooFewTokens(split.length, context + 1);
  return count;
}

/**
 * A training batch, as a pure function of its arguments: every epoch visits each window once, in an order drawn
 * from the seed and the epoch, and epochs follow one another for ever. Throws DATA_OPTION, DATA_TOO_SHORT.
 */
export function batch(options: BatchOptions): Batch {
  const { split, context, batch: rows } = options;
  const tokens = new Int32Array(rows * context);
  const targets = new Int32Array(rows * context);
  for (const [row, index] of batchWindows(options).entries()) {
    const start = index * context;
    const window = split.read(start, start + context + 1);
    tokens.set(window.subarray(0, context), row * context);
    targets.set(window.subarray(1), row * context);
    for (const [at, isScored] of split.scored?.(start + 1, start + context + 1).entries() ?? [])
      if (isScored === 0) targets[row * context + at] = -1;
  }
  return { tokens, targets };
}

/** The windows that a batch reads, by their number in the split, row by row. Throws DATA_OPTION, DATA_TOO_SHORT. */
export function batchWindows(options: BatchOptions): number[] {
  const { split, context, batch: rows, seed, step, micro = 0, microBatches = 1 } = options;
  requireWhole("batch", rows, 1);
  requireWhole("step", step, 0);
  requireWhole("microBatches", microBatches, 1);
  requireWhole("micro", micro, 0, microBatches - 1);
  const count = windowCount(split, context);
  const first = (step * microBatches + micro) * rows;
  return Array.from({ length: rows }, (_, row) => {
    const order = epochOrder(split, count, seed, Math.floor((first + row) / count));
    return order[(first + row) % count] as number;
  });
}

/** One row of an evaluation. Position p predicts `targets[p]`; only positions scoredFrom to length - 1 count. */
export interface EvaluationWindow {
  /** [context]; zero from `length` on. */
  readonly tokens: Int32Array;
  /** [context]; zero from `length` on. */
  readonly targets: Int32Array;
  /** Index in the split of the first token. */
  readonly start: number;
  readonly length: number;
  readonly scoredFrom: number;
  /** Which of the targets count, 1 or 0, where the split has prompts; else all from `scoredFrom` on do. */
  readonly scored?: Uint8Array | undefined;
  /** Number of UTF-8 bytes that the scored targets stand for. */
  readonly bytes: number;
}

/**
 * Sliding windows that score every token of a split but the first exactly once: the first window scores all its
 * targets, each later one starts `stride` tokens on and scores its last `stride` targets (fewer at the end).
 * Smaller strides give each token more context. Throws DATA_OPTION, DATA_TOO_SHORT.
 */
export function evaluationWindows(options: {
  readonly split: TokenSplit;
  readonly context: number;
  /** From 1 to `context`. */
  readonly stride: number;
  /** Bytes a token stands for, as the tokenizer's `byteLength`. */
  readonly byteLength: (id: number) => number;
  /** Score no more than this many tokens, from the start of the split. */
  readonly maxTokens?: number;
}): Generator<EvaluationWindow, void, undefined> {
  const { split, context, stride } = options;
  requireWhole("context", context, 1);
  requireWhole("stride", stride, 1, context);
  if (split.length < 2) throw tooFewTokens(split.length, 2);
  return slide(options);
}

function* slide({
  split,
  context,
  stride,
  byteLength,
  maxTokens = Number.POSITIVE_INFINITY,
}: Parameters<typeof evaluationWindows>[0]): Generator<EvaluationWindow, void, undefined> {
  const last = Math.min(split.length - 1, maxTokens);
  let scored = 0;
  for (let start = 0; scored < last; start += stride) {
    const end = Math.min(start + context, last);
    const length = end - start;
    const scoredFrom = scored - start;
    const tokens = new Int32Array(context);
    const targets = new Int32Array(context);
    const window = split.read(start, end + 1);
    tokens.set(window.subarray(0, length));
    targets.set(window.subarray(1));
    const own = split.scored?.(start + 1, end + 1);
    let bytes = 0;
    for (let at = scoredFrom; at < length; at++)
      if (own?.[at] !== 0) bytes += byteLength(targets[at] as number);
    yield { tokens, targets, start, length, scoredFrom, ...(own ? { scored: own } : {}), bytes };
    scored = end;
  }
}

interface EpochOrder {
  readonly key: string;
  readonly order: Uint32Array;
}

const cachedOrder = new WeakMap<TokenSplit, EpochOrder>();

function epochOrder(split: TokenSplit, count: number, seed: number, epoch: number): Uint32Array {
  const key = `${count} ${seed} ${epoch}`;
  const cached = cachedOrder.get(split);
  if (cached?.key === key) return cached.order;
  const order = permutation(count, rng(seed, "epoch", epoch));
  cachedOrder.set(split, { key, order });
  return order;
}

function requireWhole(name: string, given: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(given) && given >= least && given <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw badOption(name, given, `a whole number ${range}`);
}

import { expOf, expTable } from "../util/exponential.ts";
import { type FloatData, zeros } from "../util/tensor.ts";
import { nonFiniteLogits } from "./errors.ts";

/** The largest and the least logit. Throws LOGITS where one is not finite. */
export function rangeOf(logits: ArrayLike<number>): { readonly most: number; readonly least: number } {
  const { length } = logits;
  const first = logits[0] as number;
  // four chains of comparisons, which processors run side by side: a third of the time of one
  let [most, most1, most2, most3] = [first, first, first, first];
  let [least, least1, least2, least3] = [first, first, first, first];
  let sum = 0;
  let at = 0;
  for (; at + 3 < length; at += 4) {
    const a = logits[at] as number;
    const b = logits[at + 1] as number;
    const c = logits[at + 2] as number;
    const d = logits[at + 3] as number;
    if (a > most) most = a;
    if (b > most1) most1 = b;
    if (c > most2) most2 = c;
    if (d > most3) most3 = d;
    if (a < least) least = a;
    if (b < least1) least1 = b;
    if (c < least2) least2 = c;
    if (d < least3) least3 = d;
    sum += a + b + (c + d);
  }
  for (; at < length; at++) {
    const logit = logits[at] as number;
    most = Math.max(most, logit);
    least = Math.min(least, logit);
    sum += logit;
  }
  // a sum is finite only where all are; one of finite float64 numbers may overflow all the same
  if (!Number.isFinite(sum) && !Array.from(logits).every(Number.isFinite)) throw nonFiniteLogits(logits);
  return { most: Math.max(most, most1, most2, most3), least: Math.min(least, least1, least2, least3) };
}

/** 1 / temperature; of one near zero the largest finite number, since 0 x Infinity would be no number. */
export const sharpnessOf = (temperature: number): number => Math.min(1 / temperature, Number.MAX_VALUE);

/** A token, and what it and all that are ranked before it weigh. */
export interface Reached {
  readonly token: number;
  readonly sum: number;
}

/** Whether a sum of weights is large enough; then larger ones are too. */
type IsEnough = (sum: number) => boolean;

/** Tokens that lie beside each other in the ranking, parted by their logits. */
interface Part {
  /** By id; the whole vocabulary where not given. */
  readonly tokens: Int32Array | undefined;
  readonly logits: ArrayLike<number>;
  /** A logit's bucket is the whole part of (`most` - logit) x `scale`. */
  readonly most: number;
  readonly scale: number;
  /** What each bucket weighs, the most likely first. */
  readonly weights: Float64Array;
}

const BUCKETS = 1024;
/** So many tokens are sorted; more are parted again. */
const FEW = 64;

/**
 * Tokens by their logits, the most likely first and equal ones by id, without sorting them: they are parted into
 * buckets, and only a bucket in which something is decided is parted again. Linear in the vocabulary.
 */
export class Ranking {
  readonly #logits: ArrayLike<number>;
  /** 1 / temperature. */
  readonly #sharpness: number | undefined;
  readonly #most: number;
  readonly #whole: Part;

  /**
   * Ranks some tokens, given by id, or all. They weigh exp((logit - the largest) / temperature), or 1 where there is no
   * temperature. Throws LOGITS where a logit is not finite.
   */
  constructor(logits: ArrayLike<number>, temperature?: number, tokens?: Int32Array) {
    const own = tokens ? logitsOf(tokens, logits) : logits;
    const { most, least } = rangeOf(own);
    this.#logits = logits;
    this.#sharpness = temperature === undefined ? undefined : sharpnessOf(temperature);
    this.#most = most;
    this.#whole = this.#part(tokens, own, most, least);
  }

  /** What all of them weigh. */
  get total(): number {
    return this.#whole.weights.reduce((sum, weight) => sum + weight, 0);
  }

  weightOf(token: number): number {
    if (this.#sharpness === undefined) return 1;
    return expOf(((this.#logits[token] as number) - this.#most) * this.#sharpness);
  }

  /** Whether a token comes after another one. */
  isAfter(token: number, other: number): boolean {
    const [own, others] = [this.#logits[token] as number, this.#logits[other] as number];
    return own < others || (own === others && token > other);
  }

  /** All tokens up to and with `last`, by id. */
  upTo(last: number): Int32Array {
    const logits = this.#logits;
    const least = logits[last] as number;
    const found: number[] = [];
    for (let token = 0; token < logits.length; token++) {
      const logit = logits[token] as number;
      if (logit > least || (logit === least && token <= last)) found.push(token);
    }
    return Int32Array.from(found);
  }

  /** The first token at which the weights so far are enough; the last one that weighs anything where they never are. */
  reach(isEnough: IsEnough): Reached {
    let part = this.#whole;
    let before = 0;
    for (;;) {
      const found = reachBucket(part.weights, before, isEnough);
      const tokens = tokensIn(part, found.bucket);
      before = found.before;
      if (tokens.length <= FEW) return this.#walk(tokens, before, isEnough);
      const logits = logitsOf(tokens, this.#logits);
      const { most, least } = rangeOf(logits);
      if (most === least) return this.#walkEqual(tokens, before, isEnough);
      if (tokens.length === part.tokens?.length) return this.#walk(tokens, before, isEnough);
      part = this.#part(tokens, logits, most, least);
    }
  }

  /** Parts tokens, all of them where not given, by their logits between `most` and `least`. */
  #part(tokens: Int32Array | undefined, logits: ArrayLike<number>, most: number, least: number): Part {
    const weights = new Float64Array(BUCKETS);
    const scale = (BUCKETS - 1) / (most - least);
    const [top, sharpness, table] = [this.#most, this.#sharpness, expTable];
    // where all are equal `scale` is infinite and 0 x scale no number, and so the first bucket
    if (sharpness === undefined)
      for (let index = 0; index < logits.length; index++) {
        const bucket = ((most - (logits[index] as number)) * scale) | 0;
        weights[bucket] = (weights[bucket] as number) + 1;
      }
    else
      for (let index = 0; index < logits.length; index++) {
        const logit = logits[index] as number;
        const bucket = ((most - logit) * scale) | 0;
        weights[bucket] = (weights[bucket] as number) + expOf((logit - top) * sharpness, table);
      }
    return { tokens, logits, most, scale, weights };
  }

  /** Through tokens of different logits. */
  #walk(tokens: Int32Array, before: number, isEnough: IsEnough): Reached {
    tokens.sort((a, b) => (this.#logits[b] as number) - (this.#logits[a] as number) || a - b);
    let reached = { token: tokens[0] as number, sum: before };
    for (const token of tokens) {
      const weight = this.weightOf(token);
      if (weight > 0) reached = { token, sum: reached.sum + weight };
      if (isEnough(reached.sum)) return reached;
    }
    return reached;
  }

  /** Through tokens of one logit, by halves. */
  #walkEqual(tokens: Int32Array, before: number, isEnough: IsEnough): Reached {
    const weight = this.weightOf(tokens[0] as number);
    const at = (index: number) => ({ token: tokens[index] as number, sum: before + (index + 1) * weight });
    let [low, high] = [0, tokens.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isEnough(at(middle).sum)) high = middle;
      else low = middle + 1;
    }
    return at(low);
  }
}

/** The first bucket whose end is enough, or the last that weighs anything; and what comes before it. */
function reachBucket(weights: Float64Array, start: number, isEnough: IsEnough) {
  let found = { bucket: 0, before: start };
  let sum = start;
  for (let bucket = 0; bucket < weights.length; bucket++) {
    const weight = weights[bucket] as number;
    if (weight === 0) continue;
    found = { bucket, before: sum };
    sum += weight;
    if (isEnough(sum)) break;
  }
  return found;
}

function tokensIn({ tokens, logits, most, scale }: Part, bucket: number): Int32Array {
  const found: number[] = [];
  for (let index = 0; index < logits.length; index++)
    if ((((most - (logits[index] as number)) * scale) | 0) === bucket)
      found.push(tokens ? (tokens[index] as number) : index);
  return Int32Array.from(found);
}

/** Of the same type as all logits: loops over one type of array are several times faster. */
function logitsOf(tokens: Int32Array, logits: ArrayLike<number>): FloatData {
  const own = zeros(logits instanceof Float32Array ? "float32" : "float64", tokens.length);
  for (let index = 0; index < own.length; index++) own[index] = logits[tokens[index] as number] as number;
  return own;
}

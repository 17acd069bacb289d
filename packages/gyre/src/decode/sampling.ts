import { expOf, expTable } from "../util/exponential.ts";
import type { Rng } from "../util/rng.ts";
import type { FloatData } from "../util/tensor.ts";
import { badSampling } from "./errors.ts";
import { Ranking, rangeOf, sharpnessOf } from "./ranking.ts";

/** How a token is drawn from logits. */
export interface SamplingOptions {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Keep the k most likely tokens. */
  readonly topK?: number;
  /** Keep the smallest set of most likely tokens that holds this probability. */
  readonly topP?: number;
}

/** Checks the options; throws SAMPLING. */
export function checkSampling({ temperature, topK, topP }: SamplingOptions): void {
  if (!(temperature >= 0)) throw badSampling("temperature", temperature, "a number of at least 0");
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw badSampling("top-k", topK, "a whole number of at least 1");
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw badSampling("top-p", topP, "a number above 0 and at most 1");
}

/** Chooses a token from its logits [vocab]; of equally likely ones the lowest counts as most likely. Throws LOGITS. */
export function sampleToken(logits: ArrayLike<number>, options: SamplingOptions, random: Rng): number {
  const { temperature, topK = logits.length, topP = 1 } = options;
  if (temperature === 0) return mostLikely(logits);
  if (topK >= logits.length && topP === 1) return amongAll(logits, temperature, random);
  const { ranking, total, last } = kept(logits, options);
  const goal = random.uniform() * total;
  const { token } = ranking.reach((sum) => sum > goal);
  // sums are rounded: one that should end at the last token may end before it
  return last !== undefined && ranking.isAfter(token, last) ? last : token;
}

/** The distribution [vocab] that `sampleToken` draws from. Throws LOGITS. */
export function samplingDistribution(logits: ArrayLike<number>, options: SamplingOptions): Float64Array {
  const distribution = new Float64Array(logits.length);
  if (options.temperature === 0) distribution[mostLikely(logits)] = 1;
  else {
    const { ranking, total, last } = kept(logits, options);
    for (let token = 0; token < logits.length; token++)
      if (last === undefined || !ranking.isAfter(token, last))
        distribution[token] = ranking.weightOf(token) / total;
  }
  return distribution;
}

/** What top-k and then top-p leave: ranked tokens up to the `last`, or all; and what they weigh together. */
interface Kept {
  readonly ranking: Ranking;
  readonly last: number | undefined;
  readonly total: number;
}

function kept(
  logits: ArrayLike<number>,
  { temperature, topK = logits.length, topP = 1 }: SamplingOptions,
): Kept {
  const byCount = topK < logits.length ? new Ranking(logits) : undefined;
  const last = byCount?.reach((count) => count >= topK).token;
  const tokens = last === undefined ? undefined : byCount?.upTo(last);
  const ranking = new Ranking(logits, temperature, tokens);
  const { total } = ranking;
  if (topP === 1) return { ranking, total, last };
  const { token, sum } = ranking.reach((mass) => mass >= topP * total);
  return { ranking, total: sum, last: token };
}

const BLOCK = 256;

/** A token of the whole vocabulary, which needs no ranking: the weights are summed by id, a block at a time. Throws LOGITS. */
function amongAll(logits: ArrayLike<number>, temperature: number, random: Rng): number {
  const { most } = rangeOf(logits);
  const [sharpness, table] = [sharpnessOf(temperature), expTable];
  const ends = new Float64Array(Math.ceil(logits.length / BLOCK));
  let total = 0;
  for (let block = 0; block < ends.length; block++) {
    const end = Math.min((block + 1) * BLOCK, logits.length);
    let sum = 0;
    for (let token = block * BLOCK; token < end; token++)
      sum += expOf(((logits[token] as number) - most) * sharpness, table);
    ends[block] = total += sum;
  }
  const goal = random.uniform() * total;
  const block = ends.findIndex((end) => end > goal);
  let sum = block === 0 ? 0 : (ends[block - 1] as number);
  let token = block * BLOCK;
  const last = Math.min(token + BLOCK, logits.length) - 1;
  // sums are rounded: one that should pass the goal at a block's last token may stay below it
  for (; token < last; token++) {
    sum += expOf(((logits[token] as number) - most) * sharpness);
    if (sum > goal) break;
  }
  return token;
}

/** `argmax` of logits. Throws LOGITS. */
function mostLikely(logits: ArrayLike<number>): number {
  const { most } = rangeOf(logits);
  let token = 0;
  while (logits[token] !== most) token++;
  return token;
}

/**
 * Logits of the first `vocab` tokens, in place: a model's vocabulary may be padded beyond its tokenizer's, with entries
 * that stand for nothing.
 */
export const withoutPadding = (logits: FloatData, vocab: number | undefined): FloatData =>
  vocab === undefined ? logits : logits.subarray(0, vocab);

/** Probabilities of logits, in float64. */
export function softmaxOf(logits: ArrayLike<number>): Float64Array {
  const all = Float64Array.from(logits);
  const best = all.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let index = 0; index < all.length; index++) total += all[index] = expOf((all[index] as number) - best);
  return all.map((value) => value / total);
}

/** Where the largest value is; the first of equal ones. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}

import { nonFiniteLogits } from "../../decode/errors.ts";
import { softmaxOf } from "../../decode/sampling.ts";

/** What a token's state would predict if it were read out after a loop. */
export interface LensReading {
  /** The likeliest next tokens and their probabilities, best first. */
  readonly top: readonly { readonly token: number; readonly probability: number }[];
  /** KL(p_loop || p_last) in nats, as in looped models' logit lens (Huginn; Ouro): 0 after the last loop. */
  readonly kl: number;
  /** Place of the last loop's best token after this loop, 1 for the first; equal logits go by token. */
  readonly rank: number;
}

/**
 * The logit lens of one token: its logits [vocab] after a loop, against those after the last one, and its `count` likeliest tokens
 * (nostalgebraist, 2020; with the model's own final norm and head, as each loop's state is one that it can read out). Throws LOGITS.
 */
export function lensReading(logits: ArrayLike<number>, last: ArrayLike<number>, count: number): LensReading {
  const [now, end] = [Float64Array.from(logits), Float64Array.from(last)];
  for (const each of [now, end]) if (!Number.isFinite(logSumExp(each))) throw nonFiniteLogits(each);
  const chances = softmaxOf(now);
  const final = best(end, 1)[0] ?? 0;
  const own = now[final] as number;
  const isAbove = (logit: number, token: number) => logit > own || (logit === own && token < final);
  return {
    top: best(chances, count).map((token) => ({ token, probability: chances[token] as number })),
    kl: divergence(now, end, chances),
    rank: 1 + now.reduce((above, logit, token) => above + (isAbove(logit, token) ? 1 : 0), 0),
  };
}

/** KL(p || q) = sum_i p_i (a_i - b_i) - lse(a) + lse(b) of logits a and b, which holds where probabilities underflow. */
function divergence(now: Float64Array, end: Float64Array, chances: Float64Array): number {
  const apart = chances.reduce(
    (sum, p, token) => (p > 0 ? sum + p * ((now[token] as number) - (end[token] as number)) : sum),
    0,
  );
  return Math.max(0, apart - logSumExp(now) + logSumExp(end));
}

/** Nats of a token by its logits. */
export const lossOf = (logits: Float64Array, token: number): number =>
  logSumExp(logits) - (logits[token] as number);

function logSumExp(logits: Float64Array): number {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** The places of the `count` largest values, the largest first; of equal ones the first. */
function best(values: Float64Array, count: number): number[] {
  const kept: number[] = [];
  for (const [at, value] of values.entries()) {
    if (kept.length === count && value <= (values[kept.at(-1) as number] as number)) continue;
    const place = kept.findIndex((one) => (values[one] as number) < value);
    kept.splice(place < 0 ? kept.length : place, 0, at);
    kept.length = Math.min(kept.length, count);
  }
  return kept;
}

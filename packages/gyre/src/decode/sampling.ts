import type { Rng } from "../util/rng.ts";
import { badSampling } from "./errors.ts";

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

/** Chooses a token from its logits [vocab]; ties go to the lower token. */
export function sampleToken(logits: ArrayLike<number>, options: SamplingOptions, random: Rng): number {
  if (options.temperature === 0) return argmax(logits);
  const { tokens, weights, total } = kept(logits, options);
  let rest = random.uniform() * total;
  for (const [index, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return tokens[index] as number;
  }
  return tokens[weights.length - 1] as number;
}

/** The distribution [vocab] that `sampleToken` draws from. */
export function samplingDistribution(logits: ArrayLike<number>, options: SamplingOptions): Float64Array {
  const distribution = new Float64Array(logits.length);
  if (options.temperature === 0) distribution[argmax(logits)] = 1;
  else {
    const { tokens, weights, total } = kept(logits, options);
    for (const [index, weight] of weights.entries()) distribution[tokens[index] as number] = weight / total;
  }
  return distribution;
}

/** Tokens that top-k and top-p leave, most likely first, with unnormalised probabilities and their sum. */
function kept(logits: ArrayLike<number>, { temperature, topK = logits.length, topP = 1 }: SamplingOptions) {
  const order = Array.from({ length: logits.length }, (_, token) => token);
  order.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  const tokens = order.slice(0, topK);
  const best = logits[tokens[0] as number] as number;
  const all = tokens.map((token) => Math.exp(((logits[token] as number) - best) / temperature));
  const mass = all.reduce((sum, weight) => sum + weight, 0);
  let total = 0;
  let count = 0;
  while (count < all.length && (count === 0 || total < topP * mass)) total += all[count++] as number;
  return { tokens, weights: all.slice(0, count), total };
}

/** Probabilities of logits, in float64. */
export function softmaxOf(logits: ArrayLike<number>): Float64Array {
  const all = Float64Array.from(logits);
  const best = all.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let index = 0; index < all.length; index++)
    total += all[index] = Math.exp((all[index] as number) - best);
  return all.map((value) => value / total);
}

export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}

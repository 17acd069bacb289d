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
  const { temperature, topK = logits.length, topP = 1 } = options;
  if (temperature === 0) return argmax(logits);
  const order = Array.from({ length: logits.length }, (_, token) => token);
  order.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  const kept = order.slice(0, topK);
  const best = logits[kept[0] as number] as number;
  const weights = kept.map((token) => Math.exp(((logits[token] as number) - best) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);

  let nucleus = 0;
  let count = 0;
  while (count < kept.length && (count === 0 || nucleus < topP * total))
    nucleus += weights[count++] as number;
  let rest = random.uniform() * nucleus;
  for (let index = 0; index < count; index++) {
    rest -= weights[index] as number;
    if (rest < 0) return kept[index] as number;
  }
  return kept[count - 1] as number;
}

export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}

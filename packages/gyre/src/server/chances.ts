import type { Tokenizer } from "../data/tokenizer.ts";
import { nonFiniteLogits } from "../decode/errors.ts";
import type { ChosenToken, TokenChance } from "./protocol.ts";

type Chance = Omit<ChosenToken, "offset">;

/** JSON has no infinity: what OpenAI says of a token that cannot come. */
const IMPOSSIBLE = -9999;

/** A token with its log-probability under logits [vocab], and the `count` likeliest ones. Throws LOGITS. */
export function chanceOf(
  tokenizer: Tokenizer,
  token: number,
  logits: ArrayLike<number>,
  count: number,
): Chance {
  const logTotal = logSumExp(logits);
  const chance = (id: number): TokenChance => {
    const logit = logits[id] as number;
    if (Number.isNaN(logit) || !Number.isFinite(logTotal)) throw nonFiniteLogits(logits);
    return { ...tokenText(tokenizer, id), logprob: Math.max(IMPOSSIBLE, logit - logTotal) };
  };
  return { ...chance(token), alternatives: largest(logits, count).map(chance) };
}

/** A token before which nothing comes. */
export const firstChance = (tokenizer: Tokenizer, token: number): Chance => ({
  ...tokenText(tokenizer, token),
  logprob: null,
  alternatives: [],
});

function tokenText(tokenizer: Tokenizer, id: number): Omit<TokenChance, "logprob"> {
  // A model's vocabulary may be padded beyond its tokenizer's.
  const text = id < tokenizer.vocab ? tokenizer.decode([id]) : "\ufffd";
  if (text.includes("\ufffd")) return { token: `token_id:${id}`, bytes: null };
  return { token: text, bytes: [...new TextEncoder().encode(text)] };
}

function logSumExp(logits: ArrayLike<number>): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) best = Math.max(best, logits[id] as number);
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += Math.exp((logits[id] as number) - best);
  return best + Math.log(total);
}

/** Indices of the largest values, largest first; ties go to the lower index. */
function largest(values: ArrayLike<number>, count: number): number[] {
  if (count === 0) return [];
  const kept: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < values.length; id++) {
    const value = values[id] as number;
    if (value <= least) continue;
    const place = kept.findIndex((other) => value > (values[other] as number));
    kept.splice(place < 0 ? kept.length : place, 0, id);
    if (kept.length > count) kept.pop();
    if (kept.length === count) least = values[kept[count - 1] as number] as number;
  }
  return kept;
}

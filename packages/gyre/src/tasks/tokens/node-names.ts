import type { Rng } from "../../util/rng.ts";
import { numbers } from "./vocabulary.ts";

/** Names of several tokens: one of `from` to `to` letters of `alphabet`, the last of which is marked as the end. */
export interface NameForm {
  readonly alphabet: number;
  readonly from: number;
  readonly to: number;
}

/** The tokens of which names are made: a letter for the middle of a name and one for its end. */
export const nameTokens = ({ alphabet }: NameForm): string[] => [
  ...numbers(alphabet).map((letter) => `n${letter}-`),
  ...numbers(alphabet).map((letter) => `n${letter}`),
];

/**
 * So many different names, as ids with `nameTokens` first in the vocabulary (generate_multi_token_words of Physics of
 * Language Models 4.1: a length, then letters, all uniform, until there are enough).
 */
export function drawNames(random: Rng, count: number, { alphabet, from, to }: NameForm): number[][] {
  const names = new Map<string, number[]>();
  while (names.size < count) {
    const length = from + random.below(to - from + 1);
    const name = Array.from({ length }, () => 1 + random.below(alphabet));
    name.push((name.pop() as number) + alphabet);
    names.set(name.join(), name);
  }
  return [...names.values()];
}

/** Splits tokens into names; undefined where one has no end. */
export function splitNames(tokens: readonly number[], { alphabet }: NameForm): number[][] | undefined {
  const names: number[][] = [[]];
  for (const token of tokens) {
    names.at(-1)?.push(token);
    if (token > alphabet) names.push([]);
  }
  return names.pop()?.length === 0 ? names : undefined;
}

/** n from `from` to `to`, P(n) proportional to 1 / (n + sqrt(to)): few large ones (depo.py, brevo.py). */
export function drawNodes(random: Rng, from: number, to: number): number {
  const sizes = numbers(to - from + 1).map((at) => from + at);
  const weights = sizes.map((size) => 1 / (size + Math.sqrt(to)));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [at, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return sizes[at] as number;
  }
  return to;
}

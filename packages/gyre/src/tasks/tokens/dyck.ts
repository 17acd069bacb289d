import type { TokenTask } from "../task.ts";
import { tokenTask, within } from "./generator.ts";
import { vocabularyOf } from "./vocabulary.ts";

const pairs = ["()", "[]", "{}", "<>"];

/**
 * Dyck-k: at every bracket, which one would close the innermost open bracket, or `none`. A string begins a balanced one
 * of k kinds: where nothing is open a bracket opens, elsewhere it opens or closes with equal chance (the language of
 * Hahn, arXiv 1906.06755; this distribution and the reading are ours).
 */
export function dyck(kinds: number): TokenTask {
  const used = pairs.slice(0, kinds);
  return tokenTask({
    name: "dyck",
    variant: String(kinds),
    summary: `which of ${kinds} kinds of brackets has to close next, at every bracket`,
    source: "Dyck-k, arXiv 1906.06755; distribution and reading ours",
    vocabulary: vocabularyOf(...used.flatMap((pair) => [...pair]), "none"),
    difficulty: { counts: "brackets", least: 1, most: 512, usual: { from: 32, to: 32 } },
    answer: "read",
    scores: "prefixes",
    maxLength: (length) => length,
    problems: (length) => countPrefixes(Math.min(length, 16), kinds),
    problem(random, range) {
      const difficulty = within(random, range);
      const none = 1 + 2 * kinds;
      const open: number[] = [];
      const tokens: number[] = [];
      const targets: number[] = [];
      for (let at = 0; at < difficulty; at++) {
        if (open.length > 0 && random.below(2) === 0) tokens.push(open.pop() as number);
        else {
          const kind = random.below(kinds);
          tokens.push(1 + 2 * kind);
          open.push(2 + 2 * kind);
        }
        targets.push(open.at(-1) ?? none);
      }
      return { tokens, targets, difficulty };
    },
  });
}

/** How many strings of so many brackets begin a balanced one. */
function countPrefixes(length: number, kinds: number): number {
  /** By the number of brackets that are open. */
  let counts = [1];
  for (let at = 0; at < length; at++)
    counts = Array.from(
      { length: counts.length + 1 },
      (_, open) => kinds * (counts[open - 1] ?? 0) + (counts[open + 1] ?? 0),
    );
  return counts.reduce((sum, count) => sum + count, 0);
}

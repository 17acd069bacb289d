import type { Rng } from "../../util/rng.ts";
import type { TokenTask } from "../task.ts";
import { someOf, tokenTask, within, written } from "./generator.ts";
import { letters, numbers, vocabularyOf } from "./vocabulary.ts";

const alphabet = ["A", "B", "C", "D"];
const mostHops = 32;

/**
 * p-hop induction over {A, B, C, D} (Sanford et al., arXiv 2402.09268; Saunshi et al., arXiv 2502.17416, appendix A.1).
 * A hop goes from position i to find_1(i), the last j <= i whose predecessor is the letter at i; after p hops from the
 * last position the letter there is the answer. Strings are made as the paper says: the p hops first, shuffled among
 * fillers, which then avoid what would lead a hop elsewhere. The paper uses 256 letters and p of 16 or 32.
 *
 * Ours: p stands before the string, so that one model learns several; no hop stands still (the definition lets it where
 * two equal letters are neighbours).
 */
export function pHop(length: number): TokenTask {
  const most = Math.min(mostHops, Math.floor((length - 1) / 2));
  const hopNames = numbers(most + 1).slice(1);
  const vocabulary = vocabularyOf(...alphabet, ...hopNames);
  return tokenTask({
    name: "p-hop",
    variant: String(length),
    summary: `p steps back through a string of ${length} letters, each to after the last time that the letter occurred`,
    source: "Saunshi et al., arXiv 2502.17416, exact; p in the prompt and hops that move are ours",
    vocabulary,
    difficulty: { counts: "hops", least: 1, most, usual: { from: 1, to: Math.min(16, most) } },
    answer: "read",
    maxLength: () => 1 + length,
    problem(random, range) {
      const difficulty = within(random, range);
      const { string, answer } = hopString(random, length, difficulty);
      const question = [...vocabulary.ids(difficulty), ...string.map((letter) => 1 + letter)];
      return { ...written(question, [1 + answer]), difficulty };
    },
  });
}

const otherThan = (random: Rng, letter: number) => {
  const other = random.below(alphabet.length - 1);
  return other < letter ? other : other + 1;
};

/**
 * From right to left: the last letter c_0, then p pairs c_{k-1} c_k among fillers. Between the pair k + 1 and the pair k
 * no filler is c_k, so that its last occurrence before pair k is the one in pair k + 1.
 */
function hopString(random: Rng, length: number, hops: number): { string: number[]; answer: number } {
  const chain = [random.below(alphabet.length)];
  for (let hop = 1; hop <= hops; hop++) chain.push(otherThan(random, chain.at(-1) as number));
  const fillers = length - 2 * hops - 1;
  const string = [chain[0] as number];
  let hop = 0;
  for (const item of someOf(random, numbers(fillers + hops))) {
    if (item < hops) {
      hop++;
      string.push(chain[hop] as number, chain[hop - 1] as number);
    } else string.push(hop < hops ? otherThan(random, chain[hop] as number) : random.below(alphabet.length));
  }
  return { string: string.reverse(), answer: chain[hops] as number };
}

/**
 * Pointer chasing: each of n nodes points at one, `a b` for a -> b, in shuffled order; then k and a node, and the answer
 * is the node k pointers on. The k + 1 nodes of the chain differ, so that no shorter walk leads there; the other nodes
 * point anywhere (k-hop composition as in Loop-Think-Generalize; this distribution is ours).
 */
export function pointers(nodes: number): TokenTask {
  const most = nodes - 1;
  const vocabulary = vocabularyOf(...letters(nodes), ...numbers(nodes).slice(1));
  return tokenTask({
    name: "pointers",
    variant: String(nodes),
    summary: `the node k pointers on, among ${nodes} nodes`,
    source: "k-hop pointer chasing; distribution ours",
    vocabulary,
    difficulty: { counts: "pointers to follow", least: 1, most, usual: { from: 1, to: 8 } },
    answer: "read",
    maxLength: () => 2 * nodes + 2,
    problem(random, range) {
      const difficulty = within(random, range);
      const order = someOf(random, numbers(nodes));
      const pairs = order.map((node, at) => [
        1 + node,
        1 + (at < difficulty ? (order[at + 1] as number) : random.below(nodes)),
      ]);
      const [start, goal] = [order[0], order[difficulty]] as [number, number];
      const question = [...someOf(random, pairs).flat(), ...vocabulary.ids(difficulty), 1 + start];
      return { ...written(question, [1 + goal]), difficulty };
    },
  });
}

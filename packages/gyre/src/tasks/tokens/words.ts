import type { TokenTask } from "../task.ts";
import { tokenTask, within } from "./generator.ts";
import { type GroupName, groupNamed } from "./groups.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

/**
 * State tracking: the product, at every position, of all group elements so far, each drawn uniformly. `A then B` is
 * what the product AB means: 213 then 132 is 312. The element after n - 1 compositions is read at position n (the word
 * problem of Merrill et al., arXiv 2404.08819; read everywhere as by Liu et al., arXiv 2210.10749).
 */
export function words(name: GroupName): TokenTask {
  const { elements, table: tableOf } = groupNamed(name);
  const order = elements.length;
  return tokenTask({
    name: "words",
    variant: name,
    summary: `the product of all elements of ${name} so far`,
    source: "word problem, arXiv 2404.08819; read at every position, arXiv 2210.10749; usual length ours",
    vocabulary: vocabularyOf(...elements),
    difficulty: { counts: "elements", least: 1, most: 512, usual: { from: 24, to: 24 } },
    answer: "read",
    scores: "prefixes",
    maxLength: (length) => length,
    problems: (length) => order ** length,
    problem(random, range) {
      const difficulty = within(random, range);
      const table = tableOf();
      const tokens: number[] = [];
      const targets: number[] = [];
      let product = 0;
      for (let at = 0; at < difficulty; at++) {
        const element = random.below(order);
        product = table[product * order + element] as number;
        tokens.push(1 + element);
        targets.push(1 + product);
      }
      return { tokens, targets, difficulty };
    },
  });
}

/**
 * Prefix sums: at every position whether the number of ones so far is odd (Schwarzschild et al., arXiv 2106.04537,
 * who train on 32 bits and test on up to 512).
 */
export const prefixSum: TokenTask = tokenTask({
  name: "prefix-sum",
  summary: "whether the number of ones so far is odd, at every bit",
  source: "Schwarzschild et al., arXiv 2106.04537: 32 bits in training, up to 512 in tests",
  vocabulary: vocabularyOf(...numbers(2)),
  difficulty: { counts: "bits", least: 1, most: 512, usual: { from: 32, to: 32 } },
  answer: "read",
  scores: "prefixes",
  maxLength: (length) => length,
  problems: (length) => 2 ** length,
  problem(random, range) {
    const difficulty = within(random, range);
    const bits = Array.from({ length: difficulty }, () => random.below(2));
    let sum = 0;
    const targets = bits.map((bit) => {
      sum = (sum + bit) % 2;
      return 1 + sum;
    });
    return { tokens: bits.map((bit) => 1 + bit), targets, difficulty };
  },
});

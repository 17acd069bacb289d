import type { TokenTask } from "../task.ts";
import { type Family, oneOf, tokenTask, within, written } from "./generator.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

/** Numbers below the modulus, `=`, and their sum, read once at the end. */
function sumAtTheEnd(
  modulus: number,
  parts: Pick<Family, "name" | "variant" | "summary" | "source"> & { readonly counts: string },
): TokenTask {
  const { counts, ...rest } = parts;
  const vocabulary = vocabularyOf(...numbers(modulus), "=");
  const equals = vocabulary.ids("=");
  return tokenTask({
    ...rest,
    vocabulary,
    difficulty: { counts, least: 1, most: 256, usual: { from: 1, to: 20 } },
    answer: "read",
    maxLength: (length) => length + 1,
    problems: (length) => modulus ** length,
    problem(random, range) {
      const difficulty = within(random, range);
      const values = Array.from({ length: difficulty }, () => random.below(modulus));
      const sum = values.reduce((total, value) => (total + value) % modulus, 0);
      const question = [...values.map((value) => 1 + value), ...equals];
      return { ...written(question, [1 + sum]), difficulty };
    },
  });
}

/** Bits, `=`, and whether the number of ones is odd (Fan et al., arXiv 2409.15647, one step for each bit). */
export const parity = sumAtTheEnd(2, {
  name: "parity",
  summary: "whether the number of ones is odd, asked once at the end",
  source: "Fan et al., arXiv 2409.15647; usual lengths ours",
  counts: "bits",
});

/** Numbers below the modulus, `=`, and their sum modulo it (Delétang et al., arXiv 2207.02098, modulo 5). */
export const modularSum = (modulus: number): TokenTask =>
  sumAtTheEnd(modulus, {
    name: "modular-sum",
    variant: String(modulus),
    summary: `a sum modulo ${modulus}, asked once at the end`,
    source: "state tracking by sums, arXiv 2207.02098 (modulo 5); usual lengths ours",
    counts: "numbers",
  });

const powersOfTwo = [2, 4, 8, 16, 32, 64];
const additionVocabulary = vocabularyOf(...numbers(10), "+", "=", ".");
const [plus, equals, end] = additionVocabulary.ids("+", "=", ".") as [number, number, number];
const digitsOf = (value: number, width = 1) => additionVocabulary.ids(...String(value).padStart(width, "0"));
const largest = 999;

/**
 * Addition of n numbers of three digits without any steps between, `315+120+045+824=1304.` (Saunshi et al., arXiv
 * 2502.17416, section 2.1 and appendix A.1). Training draws n uniformly from the powers of two in its range, there 2 to
 * 32; they measure 8, 16, 24 and 32. The `.` that ends an answer is ours.
 */
export const addition: TokenTask = tokenTask({
  name: "addition",
  summary: "the sum of n numbers of three digits",
  source: "Saunshi et al., arXiv 2502.17416, exact; the end of an answer is ours",
  vocabulary: additionVocabulary,
  difficulty: { counts: "numbers to add", least: 2, most: 64, usual: { from: 2, to: 32 } },
  answer: "written",
  maxLength: (count) => 4 * count + String(count * largest).length,
  problem(random, { from, to }) {
    const powers = powersOfTwo.filter((power) => power >= from && power <= to);
    const difficulty = powers.length > 0 ? oneOf(random, powers) : within(random, { from, to });
    const operands = Array.from({ length: difficulty }, () => random.below(largest + 1));
    const question = operands.flatMap((value, at) => [...(at > 0 ? [plus] : []), ...digitsOf(value, 3)]);
    const sum = operands.reduce((total, value) => total + value, 0);
    return { ...written([...question, equals], [...digitsOf(sum), end]), difficulty };
  },
});

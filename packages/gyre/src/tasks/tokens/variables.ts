import type { TokenTask } from "../task.ts";
import { someOf, tokenTask, within, written } from "./generator.ts";
import { letters, numbers, vocabularyOf } from "./vocabulary.ts";

const names = letters(52);
const width = 3;
const statementLength = 4;

/** How a statement ends and how the question goes round the variable. */
const styles = {
  math: { separator: ",", before: [], after: ["=", "?"] },
  code: { separator: ";", before: ["print", "("], after: [")"] },
} as const;
export type VariablesStyle = keyof typeof styles;

/**
 * Variable assignment of depth k, `a=1, b=2, c=a, d=b, d=?` for k = 1 (a reasoning primitive of Saunshi et al., arXiv
 * 2502.17416, section 3.1, in a form like mathematics and one like a program). Three variables get different digits;
 * k times, three new ones get the values of the last three in some order; one of the last is asked for.
 *
 * Ours: three variables at every depth, where the paper's examples have two and three, drawn names, and the program's
 * `print(d)`.
 */
export function variables(style: VariablesStyle): TokenTask {
  const { separator, before, after } = styles[style];
  const vocabulary = vocabularyOf(...names, ...numbers(10), "=", separator, ...before, ...after.slice(-1));
  return tokenTask({
    name: "variables",
    variant: style,
    summary: "the value of a variable that was assigned through k others",
    source:
      "Saunshi et al., arXiv 2502.17416, section 3.1; three variables at every depth and drawn names are ours",
    vocabulary,
    difficulty: {
      counts: "assignments between a value and its variable",
      least: 0,
      most: names.length / width - 1 - ((names.length / width) % 1),
      usual: { from: 0, to: 8 },
    },
    answer: "read",
    maxLength: (depth) => statementLength * width * (depth + 1) + before.length + 1 + after.length,
    problem(random, range) {
      const difficulty = within(random, range);
      const used = someOf(random, names, width * (difficulty + 1));
      const values = someOf(random, numbers(10), width);
      const text: (string | number)[] = [];
      /** Where each variable of the depth got its value, as a place among the digits. */
      let origins = numbers(width);
      for (let depth = 0; depth <= difficulty; depth++) {
        const sources = someOf(random, numbers(width));
        const [own, last] = [width * depth, width * (depth - 1)];
        for (const [at, source] of sources.entries()) {
          const value = depth === 0 ? (values[source] as number) : (used[last + source] as string);
          text.push(used[own + at] as string, "=", value, separator);
        }
        origins = sources.map((source) => (depth === 0 ? source : (origins[source] as number)));
      }
      const asked = random.below(width);
      const variable = used[width * difficulty + asked] as string;
      const question = vocabulary.ids(...text, ...before, variable, ...after);
      const answer = vocabulary.ids(values[origins[asked] as number] as number);
      return { ...written(question, answer), difficulty };
    },
  });
}

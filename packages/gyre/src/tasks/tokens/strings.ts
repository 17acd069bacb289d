import type { TokenTask } from "../task.ts";
import { tokenTask, within, written } from "./generator.ts";
import { letters, vocabularyOf } from "./vocabulary.ts";

const alphabet = letters(10);
const vocabulary = vocabularyOf(...alphabet, "|", ".");
const [bar, end] = vocabulary.ids("|", ".") as [number, number];

/** `x | y .` with x drawn from ten letters that may repeat, and y made of x. */
function stringTask(name: string, summary: string, answer: (x: readonly number[]) => number[]): TokenTask {
  return tokenTask({
    name,
    summary,
    source:
      "RASP-L tasks, Fan et al., arXiv 2409.15647; ten letters, the end of an answer and usual lengths are ours",
    vocabulary,
    difficulty: { counts: "letters", least: 1, most: 256, usual: { from: 1, to: 10 } },
    answer: "written",
    maxLength: (length) => 2 * length + 1,
    problems: (length) => alphabet.length ** length,
    problem(random, range) {
      const difficulty = within(random, range);
      const x = Array.from({ length: difficulty }, () => 1 + random.below(alphabet.length));
      return { ...written([...x, bar], [...answer(x), end]), difficulty };
    },
  });
}

/** `abca|abca.` (x|x): trained on up to 10 letters and tested on longer ones, as the recursive TRM-AR code does. */
export const copy = stringTask("copy", "a string once more", (x) => [...x]);

/** `abca|acba.` (x|x reversed). */
export const reverse = stringTask("reverse", "a string backwards", (x) => [...x].reverse());

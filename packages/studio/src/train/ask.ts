import { heldOutProblems, type TokenTask } from "gyre";

/** A problem that training never sees, as words. */
export interface Problem {
  readonly tokens: readonly number[];
  readonly read: readonly string[];
  readonly right: readonly string[];
}

/** What a model answers after a number of loops. */
export interface AnswerRow {
  readonly loops: number;
  readonly words: readonly string[];
  readonly isRight: readonly boolean[];
}

/** The problem of that seed. */
export function problemOf(
  task: TokenTask,
  { difficulty, seed }: { readonly difficulty: number; readonly seed: number },
): Problem {
  const [problem] = heldOutProblems(task, { seed, count: 1, difficulties: [difficulty] });
  const { tokens, targets } = problem ?? { tokens: [], targets: [] };
  const word = (token: number) => task.vocabulary[token] ?? "";
  return {
    tokens: Array.from(tokens),
    read: Array.from(tokens, word),
    right: Array.from(targets, (one) => (one < 0 ? "" : word(one))),
  };
}

/** The likeliest words at every depth, from the logits [tokens x vocab] of 1, 2, ... loops. */
export function answerRows(
  problem: Problem,
  logits: readonly Float32Array[],
  vocabulary: readonly string[],
): AnswerRow[] {
  const vocab = vocabulary.length;
  return logits.map((rows, index) => {
    const words = problem.tokens.map((_, at) => {
      const row = rows.subarray(at * vocab, (at + 1) * vocab);
      return vocabulary[row.indexOf(Math.max(...row))] ?? "";
    });
    return {
      loops: index + 1,
      words,
      isRight: words.map((word, at) => problem.right[at] === "" || word === problem.right[at]),
    };
  });
}

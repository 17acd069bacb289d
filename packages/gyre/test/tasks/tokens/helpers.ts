import type { TokenDrawOptions, TokenProblem, TokenTask } from "../../../src/tasks/task.ts";
import { answerOf, problemsIn } from "../../../src/tasks/tokens/generator.ts";
import { formsOf, tokenTasks } from "../../../src/tasks/tokens/index.ts";

export const everyForm = tokenTasks.flatMap(({ name }) => formsOf(name));
export const titleOf = ({ name, variant }: TokenTask) => (variant ? `${name} ${variant}` : name);

export const drawn = (task: TokenTask, options: Partial<TokenDrawOptions> = {}): TokenProblem[] =>
  problemsIn(task.draw({ seed: 1, stream: "test", batch: 8, ...options }));

/** Ids as names. */
export const namesOf = (task: TokenTask, ids: ArrayLike<number>): string[] =>
  Array.from(ids, (id) => task.vocabulary[id] ?? `no token ${id}`);

/** A problem in words: what is read, and what is predicted where. */
export function wordsOf(task: TokenTask, problem: TokenProblem) {
  const targets = Array.from(problem.targets, (id) => (id < 0 ? "" : (task.vocabulary[id] ?? "no token")));
  return {
    tokens: namesOf(task, problem.tokens),
    targets,
    answer: namesOf(task, answerOf(problem)),
    difficulty: problem.difficulty,
  };
}

/** A problem written by hand: what is scored follows from `answer`, whose first token is predicted at `from`. */
export function byHand(task: TokenTask, text: string, answer: string, from: number): TokenProblem {
  const idOf = (name: string) => task.vocabulary.indexOf(name);
  const tokens = text.split(" ").map(idOf);
  const expected = answer.split(" ").map(idOf);
  const targets = tokens.map((_, at) => expected[at - from] ?? -1);
  return { tokens, targets, difficulty: 1 };
}

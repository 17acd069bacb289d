import type { TokenProblem, TokenTask } from "../task.ts";
import { answerOf, problemsIn } from "./generator.ts";

/** How many problems of one difficulty were answered rightly. */
export interface DifficultyScore {
  readonly difficulty: number;
  readonly problems: number;
  /** Of these, answered rightly. */
  readonly right: number;
  /** Scored tokens of these problems, and how many of them were right; left out where there are several right answers. */
  readonly tokens?: number;
  readonly rightTokens?: number;
}

/**
 * Right answers by difficulty, from the easiest on. Where every prefix is a problem of its own (`scores: "prefixes"`),
 * the p-th scored token of each row counts at difficulty p.
 *
 * @example
 * const problems = heldOutProblems(task, { seed: 1, count: 1000 });
 * const scores = scoreAnswers(task, problems, problems.map((problem) => solve(problem.tokens)));
 */
export function scoreAnswers(
  task: TokenTask,
  problems: readonly TokenProblem[],
  answers: readonly ArrayLike<number>[],
): DifficultyScore[] {
  const cells = problems.flatMap((problem, row) => cellsOf(task, problem, answers[row] ?? []));
  const difficulties = [...new Set(cells.map(({ difficulty }) => difficulty))].sort((a, b) => a - b);
  return difficulties.map((difficulty) => {
    const own = cells.filter((cell) => cell.difficulty === difficulty);
    const sum = (field: "tokens" | "rightTokens") => own.reduce((total, cell) => total + cell[field], 0);
    return {
      difficulty,
      problems: own.length,
      right: own.filter(({ isRight }) => isRight).length,
      ...(task.hasOneAnswer ? { tokens: sum("tokens"), rightTokens: sum("rightTokens") } : {}),
    };
  });
}

interface Cell {
  readonly difficulty: number;
  readonly isRight: boolean;
  readonly tokens: number;
  readonly rightTokens: number;
}

function cellsOf(task: TokenTask, problem: TokenProblem, answer: ArrayLike<number>): Cell[] {
  const expected = answerOf(problem);
  const hits = expected.map((token, at) => token === answer[at]);
  if (task.scores === "prefixes")
    return hits.map((isRight, at) => ({
      difficulty: at + 1,
      isRight,
      tokens: 1,
      rightTokens: Number(isRight),
    }));
  const rightTokens = hits.filter(Boolean).length;
  const isRight = task.grade(problem, answer);
  return [{ difficulty: problem.difficulty, isRight, tokens: expected.length, rightTokens }];
}

/** Which held-out problems are drawn. */
export interface HeldOutOptions {
  readonly seed: number;
  readonly count: number;
  /** Problems take these difficulties in turn, each exactly; all of the task's usual range by default. */
  readonly difficulties?: readonly number[];
}

/**
 * Problems to measure on: held out from training, of exactly the difficulties that are asked for, problem i the same for
 * every count. Throws TASK_DRAW.
 *
 * @example
 * const problems = heldOutProblems(tokenTaskNamed("addition"), { seed: 1, count: 400, difficulties: [8, 16, 24, 32] });
 */
export function heldOutProblems(
  task: TokenTask,
  { seed, count, difficulties = difficultiesIn(task.difficulty.usual) }: HeldOutOptions,
): TokenProblem[] {
  return Array.from({ length: count }, (_, first) => {
    const difficulty = difficulties[first % difficulties.length] as number;
    const options = { seed, stream: "measured", batch: 1, first, difficulty, isHeldOut: true };
    return problemsIn(task.draw(options))[0] as TokenProblem;
  });
}

const difficultiesIn = ({ from, to }: { readonly from: number; readonly to: number }): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

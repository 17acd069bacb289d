import {
  type DifficultyScore,
  heldOutProblems,
  readAnswers,
  readProblems,
  scoreAnswers,
  type TokenProblem,
  type TokenTask,
  tableText,
  textTable,
} from "gyre";
import { missingAnswers } from "../errors.ts";
import { UsageError } from "../options.ts";
import { openTask, type ProblemOptions, problemChoice, readTaskFile, titleOf } from "../token-tasks.ts";

export interface TasksGradeOptions extends ProblemOptions {
  readonly problems?: string;
  readonly json?: boolean;
}

/** `gyre tasks grade`: accuracy of a file of answers, by difficulty. */
export async function tasksGradeCommand(
  name: string,
  path: string,
  options: TasksGradeOptions,
): Promise<number> {
  if (options.problems !== undefined && (options.seed !== undefined || options.difficulty !== undefined))
    throw new UsageError(
      "--problems names the problems; --seed and --difficulty are for drawing them again.",
    );
  const task = openTask(name, options);
  const text = await readTaskFile(path);
  const problems = await problemsFor(task, text, options);
  const answers = readAnswers(task, problems, { text, path });
  if (answers.length < problems.length || answers.length === 0)
    throw missingAnswers(path, answers.length, problems.length);
  const scores = scoreAnswers(task, problems, answers);
  const all = total(scores);
  console.log(
    options.json
      ? JSON.stringify({ task: task.name, variant: task.variant, all, difficulties: scores })
      : gradeText(task, scores, all),
  );
  return 0;
}

/** What the answers are to: the problems of a file, or as many as there are answers, drawn anew. */
async function problemsFor(
  task: TokenTask,
  answers: string,
  options: TasksGradeOptions,
): Promise<TokenProblem[]> {
  if (options.problems !== undefined)
    return readProblems(task, await readTaskFile(options.problems), options.problems);
  const count = answers.split("\n").filter((line) => line.trim() !== "").length;
  return heldOutProblems(task, { ...problemChoice(options), count });
}

type Total = Omit<DifficultyScore, "difficulty">;

function total(scores: readonly DifficultyScore[]): Total {
  const sum = (field: keyof Total) => scores.reduce((all, score) => all + (score[field] ?? 0), 0);
  const counted = { problems: sum("problems"), right: sum("right") };
  return scores[0]?.tokens === undefined
    ? counted
    : { ...counted, tokens: sum("tokens"), rightTokens: sum("rightTokens") };
}

function gradeText(task: TokenTask, scores: readonly DifficultyScore[], all: Total): string {
  const isByPosition = task.scores === "prefixes";
  const hasTokens = task.hasOneAnswer && !isByPosition;
  const row = (first: string, { problems, right, tokens = 0, rightTokens = 0 }: Total) => [
    first,
    String(problems),
    share(right, problems),
    ...(hasTokens ? [share(rightTokens, tokens)] : []),
  ];
  const heading = [
    task.difficulty.counts,
    isByPosition ? "positions" : "problems",
    "right",
    ...(hasTokens ? ["right tokens"] : []),
  ];
  const rows = scores.map((score) => row(String(score.difficulty), score));
  return `${titleOf(task)}\n\n${tableText(textTable(heading, [...rows, row("all", all)]))}`;
}

const share = (part: number, whole: number) => (part / whole).toFixed(3);

import {
  type AnswerPoint,
  evaluateAnswers,
  groupedText,
  heldOutProblems,
  isUniform,
  SOLVED,
  scheduledValues,
  type TokenTask,
  tableText,
  textTable,
  tokenTaskNamed,
  trajectoryText,
} from "gyre";
import { loadWeights, openOnnxRuntime, openRun, type Run, type TaskConfig, threadCount } from "gyre/node";
import { budgetsFor } from "../budgets.ts";
import { UsageError } from "../options.ts";
import { StatusLine } from "../render/status-line.ts";
import { difficultiesBetween, titleOf } from "../token-tasks.ts";
import type { EvalOptions } from "./eval.ts";

/** Flags of `gyre eval` that are about text. */
const textFlags = ["limit", "server", "model", "data", "stride", "maxTokens", "out", "name"] as const;
/** Difficulties that a table shows at most; --json has them all. */
const mostRows = 40;

/** What was measured of one run. */
interface Measured {
  readonly run: string;
  readonly task: TokenTask;
  /** Loops at full depth. */
  readonly fullDepth: number;
  readonly seed: number;
  readonly problems: number;
  readonly points: readonly AnswerPoint[];
}

/** `gyre eval` of runs on tasks: right answers to held-out problems, by difficulty and budget. */
export async function evalAnswersCommand(paths: readonly string[], options: EvalOptions): Promise<number> {
  const [flag] = textFlags.filter((name) => options[name] !== undefined);
  if (flag)
    throw new UsageError(`--${flag.replace(/[A-Z]/g, "-$&").toLowerCase()} is not for runs on tasks.`);
  const runs = await Promise.all(paths.map((path) => openRun(path, ["task"])));
  const status = new StatusLine();
  const all: Measured[] = [];
  try {
    for (const run of runs) all.push(await measured(run, options, status));
  } finally {
    status.clear();
  }
  console.log(options.json ? JSON.stringify(all.map(plain)) : all.map(answersText).join("\n\n"));
  return 0;
}

async function measured(run: Run<TaskConfig>, options: EvalOptions, status: StatusLine): Promise<Measured> {
  const { spec, training, task: name, variant } = run.config;
  const task = tokenTaskNamed(name, variant);
  const hardest = Math.max(...scheduledValues(training.hardest, training.steps));
  const { seed = 1, count = 1000, batch, difficulty } = options;
  const difficulties = difficulty ?? difficultiesBetween(task, training.easiest, hardest);
  const problems = heldOutProblems(task, { seed, count, difficulties });
  const budgets = await budgetsFor(spec, options, false);
  const { weights, warnings } = await loadWeights(run);
  for (const warning of warnings) status.print(`warning: ${warning}`);
  await using runtime = await openOnnxRuntime({ threads: threadCount(options.threads), keep: 1 });
  const points: AnswerPoint[] = [];
  for await (const point of evaluateAnswers({
    spec,
    weights,
    runtime,
    task,
    problems,
    budgets,
    ...(batch === undefined ? {} : { batch }),
  })) {
    points.push(point);
    status.update(
      `${run.path}  budget ${points.length} of ${budgets.length}  ${percent(point.accuracy)} right`,
    );
  }
  return { run: run.path, task, fullDepth: spec.loops, seed, problems: problems.length, points };
}

function plain({ run, task, seed, problems, points }: Measured) {
  const { name, variant } = task;
  return { run, task: name, variant, split: "held out", seed, problems, solvedAt: SOLVED, points };
}

/** The table: a row for each difficulty, a column for each budget, the mean and what is solved below. */
function answersText({ run, task, fullDepth, seed, problems, points }: Measured): string {
  const difficulties = points[0]?.scores.map(({ difficulty }) => difficulty) ?? [];
  const every = Math.ceil(difficulties.length / mostRows);
  const shown = difficulties.filter((_, at) => at % every === 0 || at === difficulties.length - 1);
  const shareAt = ({ scores }: AnswerPoint, difficulty: number) => {
    const found = scores.find((score) => score.difficulty === difficulty);
    return found ? (found.right / found.problems).toFixed(3) : "";
  };
  const head = [task.difficulty.counts, ...points.map((point) => budgetText(point, fullDepth))];
  const rows = [
    ...shown.map((difficulty) => [String(difficulty), ...points.map((point) => shareAt(point, difficulty))]),
    ["mean", ...points.map(({ accuracy }) => accuracy.toFixed(3))],
    [`solved (${100 * SOLVED} %)`, ...points.map(({ solved }) => String(solved ?? "none"))],
  ];
  return [
    `${run}: ${titleOf(task)}, share of right answers by ${task.difficulty.counts} and loops`,
    `${groupedText(problems)} problems of seed ${seed} that training never draws${howAnswered(task)}`,
    ...seenText(task, difficulties),
    "",
    tableText(textTable(head, rows)),
  ].join("\n");
}

function howAnswered({ answer, hasOneAnswer, scores }: TokenTask): string {
  if (scores === "prefixes")
    return "; each of their prefixes counts too, and short ones begin rows of training";
  if (answer === "read") return "; an answer is right as a whole";
  return hasOneAnswer
    ? "; an answer counts where greedy decoding writes all of it"
    : "; answers are decoded greedily";
}

/** A line about difficulties that cannot be held out. */
function seenText(task: TokenTask, difficulties: readonly number[]): string[] {
  const shared = difficulties.filter((difficulty) => task.isShared(difficulty));
  if (task.scores === "prefixes" || shared.length === 0) return [];
  const which = `${shared.join(", ")} ${task.difficulty.counts}`;
  return [`too few problems to hold any out at ${which}: training draws them as well`];
}

const budgetText = ({ loops, trajectory }: AnswerPoint, grid: number): string =>
  isUniform(trajectory) ? `${loops} loop${loops === 1 ? "" : "s"}` : trajectoryText(trajectory, grid);

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

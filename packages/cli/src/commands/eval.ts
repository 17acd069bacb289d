import { join } from "node:path";
import { groupedText } from "gyre";
import {
  type Device,
  evaluateRuns,
  isOnTask,
  openRun,
  type RunProgress,
  runKinds,
  type WhichCheckpoint,
  type WhichWeights,
} from "gyre/node";
import { type BudgetOptions, budgetsFor } from "../budgets.ts";
import { UsageError } from "../options.ts";
import { commandLine, commitOfGyre, machineText } from "../provenance.ts";
import { asRank, type RankHow, requireSameCommand, statusOf, threadsOfRank } from "../ranks.ts";
import { presentReport, requireOutput } from "../reports.ts";
import { startRanks } from "../start-ranks.ts";

export interface EvalOptions extends BudgetOptions {
  /** Of runs on tasks: which held-out problems, and how many. */
  readonly difficulty?: readonly number[];
  readonly count?: number;
  readonly seed?: number;
  /** Questions to ask instead of validation text. */
  readonly tasks?: readonly string[];
  readonly limit?: number;
  readonly server?: string;
  readonly model?: string;
  readonly data?: string;
  readonly checkpoint?: WhichCheckpoint;
  readonly weights?: WhichWeights;
  readonly stride?: number;
  readonly maxTokens?: number;
  readonly batch?: number;
  /** Folder for the report; the first run's `reports` when left out. */
  readonly out?: string;
  /** What the report's files are called; by what was measured when left out. */
  readonly name?: string;
  readonly device?: Device | undefined;
  readonly threads?: number;
  readonly ranks?: number;
}

/** Flags that only runs on tasks know. */
const answerFlags = ["difficulty", "count", "seed"] as const;

/** Beyond this many budgets, a log in a pipe is thinned out. */
const keptLines = 32;

/** `gyre eval`: measures runs at each budget, prints the table and the plot, and writes the report. */
export async function evalCommand(paths: readonly string[], options: EvalOptions): Promise<number> {
  if (options.ranks !== undefined) return await startRanks(options.ranks);
  return await asRank((ranks) => evalRank(paths, { options, ranks, status: statusOf(ranks) }));
}

/** Measures as one of the ranks; rank 0, often the only one, prints and writes. */
async function evalRank(paths: readonly string[], how: RankHow<EvalOptions>): Promise<number> {
  const { options, ranks, status } = how;
  const { loops: _, trajectories = "uniform", out, name, tasks, limit, server, model, ...rest } = options;
  await requireSameCommand(ranks);
  if (!tasks && (await isRunOnTask(paths[0])))
    return (await import("./eval-answers.ts")).evalAnswers(paths, how);
  const [flag] = answerFlags.filter((own) => options[own] !== undefined);
  if (flag) throw new UsageError(`--${flag} is for runs on tasks.`);
  if (tasks)
    return (await import("./eval-tasks.ts")).evalTasks(paths, { ...how, options: { ...options, tasks } });
  if (server !== undefined || model !== undefined) throw new UsageError("--server and --model need --tasks.");
  if (paths.length === 0) throw new UsageError("missing required argument 'runs'");
  if (limit !== undefined)
    throw new UsageError("--limit is about --tasks; validation text takes --max-tokens.");
  if (ranks.rank === 0) await requireOutput(out);
  try {
    const report = await evaluateRuns(paths, {
      ...rest,
      threads: options.threads ?? threadsOfRank(),
      ranks,
      budgets: (spec, isCompared) => budgetsFor(spec, options, isCompared),
      kind: trajectories === "uniform" ? "budgets" : "trajectories",
      command: commandLine(),
      machine: machineText(),
      commit: await commitOfGyre(),
      onProgress: (progress) =>
        status.update(progressText(progress), progress.point !== undefined && progress.budgets <= keptLines),
      onWarning: (text) => status.print(`warning: ${text}`),
    });
    status.clear();
    const folder = out ?? join(paths[0] ?? ".", "reports");
    if (ranks.rank === 0) await presentReport(report, { folder, ...(name === undefined ? {} : { name }) });
    return 0;
  } finally {
    status.clear();
  }
}

const isRunOnTask = async (path: string | undefined): Promise<boolean> =>
  path !== undefined && isOnTask((await openRun(path, runKinds)).config);

function progressText({ name, budget, budgets, tokens, totalTokens, point }: RunProgress): string {
  const place = `${name}  budget ${budget + 1} of ${budgets}`;
  return point
    ? `${place}  loops ${point.loops}  loss ${point.loss.toFixed(4)}  bits/byte ${point.bitsPerByte.toFixed(4)}`
    : `${place}  ${groupedText(tokens)} of ${groupedText(totalTokens)} tokens`;
}

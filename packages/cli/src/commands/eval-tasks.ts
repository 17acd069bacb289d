import { join } from "node:path";
import process from "node:process";
import { firstQuestions, type ReportOf } from "gyre";
import {
  type Device,
  type EvaluateBenchmarksOptions,
  evaluateBenchmarks,
  evaluateServer,
  openRun,
  readBenchmarks,
  type WhichCheckpoint,
  type WhichWeights,
} from "gyre/node";
import { type BudgetOptions, budgetsFor } from "../budgets.ts";
import { UsageError } from "../options.ts";
import { commandLine, commitOfGyre, machineText } from "../provenance.ts";
import { type RankHow, requireOneProcess, threadsOfRank } from "../ranks.ts";
import { presentReport, requireOutput } from "../reports.ts";

export interface EvalTasksOptions extends BudgetOptions {
  /** Task files, files of questions, or folders of them. */
  readonly tasks: readonly string[];
  /** Ask the first questions of each only. */
  readonly limit?: number;
  /** Address of a server that is asked instead of runs. */
  readonly server?: string;
  readonly model?: string;
  readonly batch?: number;
  readonly out?: string;
  readonly name?: string;
  readonly device?: Device | undefined;
  readonly threads?: number;
  readonly data?: string;
  readonly checkpoint?: WhichCheckpoint;
  readonly weights?: WhichWeights;
  readonly stride?: number;
  readonly maxTokens?: number;
}

/** `gyre eval --tasks`: asks runs, or a server, the questions of benchmarks at each budget; prints the table, writes the report. */
export async function evalTasks(
  paths: readonly string[],
  { options, ranks, status }: RankHow<EvalTasksOptions>,
): Promise<number> {
  checkOptions(paths, options);
  if (options.server !== undefined) requireOneProcess("gyre eval --server");
  const { tasks, limit, batch, server, out, name } = options;
  const benchmarks = (await readBenchmarks(tasks)).map((benchmark) => firstQuestions(benchmark, limit));
  const run = server === undefined ? await openRun(paths[0] as string) : undefined;
  if (ranks.rank === 0) await requireOutput(out ?? (run ? undefined : "reports"));
  try {
    const report = await measured(paths, options, {
      benchmarks,
      ranks,
      ...(batch === undefined ? {} : { batch }),
      command: commandLine(),
      machine: machineText(),
      commit: await commitOfGyre(),
      onProgress: ({ model, benchmark, budget, done, total }) =>
        status.update(`${model}  ${benchmark}  loops ${budget}  ${done} of ${total}`, done === total),
      onWarning: (text) => status.print(`warning: ${text}`),
    });
    status.clear();
    const folder = out ?? join(run?.path ?? "", "reports");
    if (ranks.rank === 0) await presentReport(report, { folder, ...(name === undefined ? {} : { name }) });
    return 0;
  } finally {
    status.clear();
  }
}

function measured(
  paths: readonly string[],
  { server, model, device, threads, loops, trajectories, checkpoint, weights }: EvalTasksOptions,
  common: Omit<EvaluateBenchmarksOptions, "budgets" | "threads">,
): Promise<ReportOf<"benchmarks">> {
  if (server !== undefined) {
    const key = process.env["GYRE_API_KEY"];
    return evaluateServer(server, { ...common, model, key, loops: loops?.(1) });
  }
  const depth = { ...(loops ? { loops } : {}), ...(trajectories === undefined ? {} : { trajectories }) };
  return evaluateBenchmarks(paths, {
    ...common,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(weights === undefined ? {} : { weights }),
    ...(device === undefined ? {} : { device }),
    threads: threads ?? threadsOfRank(),
    budgets: (spec, isCompared) => budgetsFor(spec, depth, isCompared),
  });
}

/** Throws UsageError for options that do not go together. */
function checkOptions(paths: readonly string[], options: EvalTasksOptions): void {
  const { server, model, threads, loops, trajectories = "uniform" } = options;
  const refuse = (flags: Readonly<Record<string, unknown>>, why: string): void => {
    const [given] = Object.entries(flags).find(([, value]) => value !== undefined) ?? [];
    if (given !== undefined) throw new UsageError(`${given} ${why}`);
  };
  const text = { "--data": options.data, "--stride": options.stride, "--max-tokens": options.maxTokens };
  refuse(text, "is about validation text; leave it out with --tasks.");
  if (server === undefined) {
    refuse({ "--model": model }, "is about a --server.");
    if (paths.length === 0) throw new UsageError("--tasks needs a run, or a --server.");
    return;
  }
  if (paths.length > 0) throw new UsageError("A run or a --server, not both.");
  refuse(
    {
      "--device": options.device,
      "--threads": threads,
      "--checkpoint": options.checkpoint,
      "--weights": options.weights,
    },
    "is about a run here; leave it out with --server.",
  );
  if (trajectories !== "uniform")
    throw new UsageError("--trajectories is about a run here; a server takes --loops.");
  if (loops?.(1).join() !== loops?.(2).join())
    throw new UsageError("--loops with --server takes numbers only: the full depth L is not known.");
}

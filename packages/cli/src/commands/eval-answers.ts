import { basename, join, resolve } from "node:path";
import {
  type AnswerModel,
  type AnswerPoint,
  type Budget,
  evaluateAnswers,
  exampleOf,
  heldOutProblems,
  parameterCount,
  type ReportOf,
  reportTask,
  SOLVED,
  type TokenProblem,
  type TokenTask,
} from "gyre";
import {
  type AnswersConfig,
  alone,
  type Collective,
  loadWeights,
  measuredModel,
  openAnswersRun,
  openOnnxRuntime,
  type Run,
  requireSameWeights,
  threadCount,
} from "gyre/node";
import { budgetsFor } from "../budgets.ts";
import { flagOf } from "../flags.ts";
import { UsageError } from "../options.ts";
import { type RankHow, threadsOfRank } from "../ranks.ts";
import type { StatusLine } from "../render/status-line.ts";
import { presentReport, provenanceNow, requireOutput } from "../reports.ts";
import { askedOf, difficultiesOf, taskOfRuns, titleOf } from "../token-tasks.ts";
import type { EvalOptions } from "./eval.ts";

/** Flags of `gyre eval` that are about text. */
const textFlags = ["limit", "server", "model", "stride", "maxTokens"] as const;

/** `gyre eval` of runs on a task: right answers to held-out problems, by difficulty and budget. */
export async function evalAnswers(
  paths: readonly string[],
  { options, ranks, status }: RankHow<EvalOptions>,
): Promise<number> {
  const [flag] = textFlags.filter((name) => options[name] !== undefined);
  if (flag) throw new UsageError(`${flagOf(flag)} is not for runs on tasks.`);
  const { out, name } = options;
  try {
    const onReady = async () => (ranks.rank === 0 ? await requireOutput(out) : undefined);
    const report = await answersReport(paths, options, { status, ranks, onReady });
    status.clear();
    const folder = out ?? join(paths[0] ?? ".", "reports");
    if (ranks.rank === 0) await presentReport(report, { folder, ...(name === undefined ? {} : { name }) });
    return 0;
  } finally {
    status.clear();
  }
}

/** What is asked; `budgets` go before those of the flags. */
type AnswersOptions = EvalOptions & { readonly budgets?: readonly Budget[] };

interface AnswersProgress {
  readonly status: StatusLine;
  /** The processes that share the problems; this one alone by default. */
  readonly ranks?: Collective;
  /** Called when everything has been checked, before anything is measured. */
  readonly onReady?: () => Promise<void>;
}

/** Asks runs held-out problems of their task. Throws UsageError, and what `openRun` and `evaluateAnswers` throw. */
export async function answersReport(
  paths: readonly string[],
  options: AnswersOptions,
  { status, ranks = alone, onReady }: AnswersProgress,
): Promise<ReportOf<"answers">> {
  const runs = await Promise.all(paths.map(openAnswersRun));
  const task = await taskOfRuns(runs, options.data);
  const { seed = 1, count = askedOf(task, 1000) } = options;
  const difficulties = options.difficulty ?? difficultiesOf(task, runs);
  const problems = heldOutProblems(task, { seed, count, difficulties });
  await onReady?.();
  const threads = threadCount(options.threads ?? threadsOfRank());
  await using runtime = await openOnnxRuntime({
    threads,
    ...(options.device ? { device: options.device } : {}),
    keep: 1,
  });
  const models: AnswerModel[] = [];
  const isCompared = runs.length > 1;
  for (const run of runs)
    models.push(await measured(run, { task, problems }, { options, runtime, ranks, status, isCompared }));
  const asked = task.scores === "prefixes" ? (models[0]?.points[0]?.scores ?? []) : [];
  const all = asked.length > 0 ? asked.map((score) => score.difficulty) : difficulties;
  return {
    version: 2,
    kind: "answers",
    provenance: await provenanceNow({
      runtime: `${runtime.name}, ${threads} thread${threads === 1 ? "" : "s"}`,
      data: { name: titleOf(task), split: "held-out" },
      seeds: [seed],
    }),
    task: reportTask(task),
    problems: count,
    difficulties: [...all],
    shared: all.filter((one) => task.isShared(one)),
    solvedAt: SOLVED,
    example: exampleOf(task, problems[0] as TokenProblem),
    models,
    ...(task.baselines ? { baselines: [...task.baselines] } : {}),
  };
}

interface Measuring extends RankHow<AnswersOptions> {
  readonly runtime: Awaited<ReturnType<typeof openOnnxRuntime>>;
  /** Whether it stands among others, so that `--loops` speaks of those that loop. */
  readonly isCompared: boolean;
}

async function measured(
  run: Run<AnswersConfig>,
  { task, problems }: { readonly task: TokenTask; readonly problems: readonly TokenProblem[] },
  { options, runtime, ranks, status, isCompared }: Measuring,
): Promise<AnswerModel> {
  const { spec } = run.config;
  const loaded = await loadWeights(run, options.checkpoint, options.weights);
  for (const warning of loaded.warnings) status.print(`warning: ${warning}`);
  await requireSameWeights(ranks, `of ${run.path}`, loaded.weights);
  const budgets = options.budgets ?? (await budgetsFor(spec, options, isCompared));
  const { batch } = options;
  const points: AnswerPoint[] = [];
  for await (const point of evaluateAnswers({
    spec,
    weights: loaded.weights,
    runtime,
    task,
    problems,
    budgets,
    ranks,
    ...(batch === undefined ? {} : { batch }),
  })) {
    points.push(point);
    const share = `${(100 * point.accuracy).toFixed(1)} % right`;
    status.update(`${run.path}  budget ${points.length} of ${budgets.length}  ${share}`);
  }
  const { family, loops: trainedLoops } = spec;
  const parameters = parameterCount(spec);
  const model = measuredModel(basename(resolve(run.path)), loaded);
  return { ...model, family, spec, parameters, trainedLoops, points };
}

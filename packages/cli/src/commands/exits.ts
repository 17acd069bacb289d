import {
  answerExits,
  type CachePolicy,
  Decoder,
  type ExitSeries,
  exitStudy,
  heldOutProblems,
  reportTask,
  type TokenProblem,
  type TokenTask,
} from "gyre";
import {
  type AnswersConfig,
  type Dataset,
  dataOf,
  isOnTask,
  type LanguageConfig,
  openAnswersRun,
  openRun,
  openRunData,
  openRunTask,
  runKinds,
} from "gyre/node";
import { type Measurement, type MeasureOptions, measureRun, ofText } from "../measure-run.ts";
import { UsageError } from "../options.ts";
import { askedOf, difficultiesOf, titleOf } from "../token-tasks.ts";

export interface ExitsOptions extends MeasureOptions {
  /** Of runs on text. */
  readonly maxTokens?: number;
  readonly cachePolicy?: CachePolicy;
  /** Of runs on tasks: held-out problems, and their seed. */
  readonly count?: number;
  readonly seed?: number;
}

const textFlags = ["maxTokens", "cachePolicy", "data"] as const;
const taskFlags = ["count", "seed"] as const;

/** `gyre exits`: what leaving loops early costs, rule by rule, beside fixed depths; on validation text, or on answers. */
export async function exitsCommand(path: string, options: ExitsOptions): Promise<number> {
  const onTask = isOnTask((await openRun(path, runKinds)).config);
  const wrong = (onTask ? textFlags : taskFlags).find((flag) => options[flag] !== undefined);
  if (wrong) {
    const flag = wrong.replace(/[A-Z]/g, "-$&").toLowerCase();
    throw new UsageError(`--${flag} is for runs on ${onTask ? "text" : "tasks"}.`);
  }
  if (onTask) await measureRun(path, options, exitsOfAnswers(options));
  else await measureRun(path, options, exitsOf(options));
  return 0;
}

function requireLoops(path: string, { family, loops }: LanguageConfig["spec"]): void {
  if (loops < 2) throw new UsageError(`${path} is a ${family} of one loop: there is nothing to leave.`);
}

/** What leaving loops early costs on the validation split, which is read under each exit rule. */
export const exitsOf = ({
  maxTokens: tokens = 4096,
  cachePolicy = "recompute",
  data,
}: ExitsOptions): Measurement<"exits", Dataset, LanguageConfig["kind"]> => ({
  kind: "exits",
  of: ofText,
  async open(run) {
    requireLoops(run.path, run.config.spec);
    return openRunData(run, data);
  },
  async measure(model, { validation }, status) {
    await using decoder = new Decoder(model);
    const series: ExitSeries[] = [];
    status.update("fixed depths", false);
    for await (const one of exitStudy(decoder, { split: validation, tokens, cachePolicy })) {
      series.push(one);
      status.update(`${one.name}: ${one.points.map(({ loss }) => loss.toFixed(3)).join(" ")}`, true);
    }
    return { cachePolicy, tokens: series[0]?.points[0]?.tokens ?? 0, series };
  },
  data: ({ manifest }) => dataOf(manifest),
});

interface Asked {
  readonly task: TokenTask;
  readonly problems: readonly TokenProblem[];
}

/** The same on held-out problems of the difficulties that a run was trained on, each answer at its own depth. */
export const exitsOfAnswers = ({
  count,
  seed = 1,
}: ExitsOptions): Measurement<"answer-exits", Asked, AnswersConfig["kind"]> => ({
  kind: "answer-exits",
  of: ["task", "imported"],
  async open({ path }) {
    const run = await openAnswersRun(path);
    requireLoops(path, run.config.spec);
    const task = await openRunTask(run);
    const difficulties = difficultiesOf(task, [run]);
    const options = { seed, count: count ?? askedOf(task, 500), difficulties };
    return { task, problems: heldOutProblems(task, options) };
  },
  async measure(model, { task, problems }, status) {
    const onProgress = (done: number) => status.update(`problem ${done} of ${problems.length}`, false);
    const exits = await answerExits(model, { task, problems, onProgress });
    return { task: reportTask(task), problems: problems.length, loops: model.spec.loops, exits };
  },
  data: ({ task }) => ({ name: titleOf(task), split: "held-out" }),
});

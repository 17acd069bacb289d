import { resolve } from "node:path";
import {
  type AnswerRecipe,
  type AnswerTraining,
  counted,
  evaluateAnswers,
  heldOutProblems,
  parseAnswerRecipe,
  type Runtime,
  ramp,
  requireEqualShares,
  requireMemory,
  requireTextMemory,
  scheduledValues,
  type TokenTask,
  type TrainingNeeds,
  textNeeds,
  tokenTaskNamed,
  trainAnswers,
  usedWeights,
} from "gyre";
import {
  broadcastJson,
  type Collective,
  holdsTexts,
  openRun,
  openRunTask,
  openTexts,
  planRun,
  type TaskConfig,
  type Texts,
  textsChecksum,
  threadCount,
} from "gyre/node";
import { budgetsFor } from "../budgets.ts";
import { trainNeeds } from "../errors.ts";
import type { HeldOutMeasure, HeldOutPoint } from "../held-out.ts";
import { UsageError } from "../options.ts";
import { memoryOfRank, type RankHow, type RankSession, sharedSession } from "../ranks.ts";
import { answerTrainingSettings, modelSettings, readRecipeJson } from "../settings.ts";
import { askedOf, difficultiesBetween, openTask, titleOf } from "../token-tasks.ts";
import { requireAhead, requireNoChange, type TrainOptions } from "../train-options.ts";
import { trainSession } from "../train-session.ts";
import { keepUpToDate, newSession, resumedTask, type Session, tellNeeds } from "../training.ts";

interface TaskSession extends Session<TaskConfig> {
  readonly task: TokenTask;
  /** The folder of its labelled texts, where it is made of some. */
  readonly texts?: string | undefined;
  readonly needs: TrainingNeeds;
}

type How = RankHow<TrainOptions>;

/** What all ranks train. */
type SharedTask = RankSession<TaskConfig> & Pick<TaskSession, "task" | "needs">;

/** Small models gain nothing from more. */
const usualThreads = 1;
/** Held-out problems that are asked while training goes on. */
const asked = 256;
/** Values that a curriculum takes: each length of rows has graphs of its own. */
const stages = 5;

/** `gyre train TASK` as one of the ranks: a new run on the answers of a task, or one that goes on. */
export async function trainTask(name: string | undefined, how: How): Promise<number> {
  const { options, ranks } = how;
  if (options.from !== undefined) throw trainNeeds("--from, which is for text, with a task");
  if (options.sampleEvery !== undefined) throw trainNeeds("--sample-every, which is for text, with a task");
  const begun =
    ranks.rank > 0
      ? undefined
      : await (options.resume === undefined ? begin(name, how) : goOn(name, options.resume, how));
  if (begun && options.dryRun) return tellNeeds(begun, begun.spec.context);
  const session = await sharedTask(begun, ranks);
  const { path, spec, training, state, task } = session;
  requireAhead(options, state.step);
  const { prelude, core, coda } = spec.layers;
  const around = prelude + coda > 0 ? `, ${prelude} before and ${coda} after them` : "";
  return await trainSession(session, how, {
    title:
      `${titleOf(task)}; ${spec.family}, ${counted(core, "layer")} x ${counted(spec.loops, "loop")}${around}, width ${spec.width}; ` +
      `${training.steps} steps of ${training.batch * training.microBatches} problems, ${rangeText(task, training)}`,
    needs: ofTwoSizes(session.needs),
    events: (progress) => trainAnswers({ ...progress, spec, training, task }),
    measure: (runtime) => heldOutAnswers(session, runtime),
    next: { goOn: `gyre train --resume ${path}`, done: [`gyre eval ${path}`] },
  });
}

/** The session of rank 0 for every rank; the others make the task anew from its name. */
async function sharedTask(own: TaskSession | undefined, ranks: Collective): Promise<SharedTask> {
  const { name, variant, texts } = await broadcastJson(ranks, {
    name: own?.task.name ?? "",
    variant: own?.task.variant,
    texts: own?.texts && resolve(own.texts),
  });
  const session = await sharedSession(ranks, own);
  const task =
    own?.task ?? (texts === undefined ? tokenTaskNamed(name, variant) : (await openTexts(texts)).task);
  return { ...session, task, needs: own?.needs ?? textNeeds(session.spec, session.training) };
}

/** Batches score one of two numbers of rows as a rule. */
const ofTwoSizes = (needs: TrainingNeeds): TrainingNeeds => ({ ...needs, graphs: 2 * needs.graphs });

/** Right answers to a slice of the held-out problems. */
function heldOutAnswers({ spec, state, task, training }: SharedTask, runtime: Runtime): HeldOutMeasure {
  const difficulties = difficultiesBetween(task, training.easiest, hardestOf(training));
  const problems = heldOutProblems(task, { seed: 1, count: askedOf(task, asked), difficulties });
  return {
    name: "accuracy",
    unit: "% right",
    text: (value) => (100 * value).toFixed(1),
    async points() {
      const points: HeldOutPoint[] = [];
      const budgets = await budgetsFor(spec, {}, false);
      const weights = usedWeights(state);
      for await (const point of evaluateAnswers({ spec, weights, runtime, task, problems, budgets }))
        points.push({ loops: point.loops, value: point.accuracy });
      return points;
    },
  };
}

const hardestOf = ({ hardest, steps }: AnswerTraining): number =>
  Math.max(...scheduledValues(hardest, steps));

function rangeText({ difficulty }: TokenTask, training: AnswerTraining): string {
  const { easiest, hardest, steps } = training;
  const values = scheduledValues(hardest, steps);
  const grows = values.length > 1 ? `, the hardest growing from ${values[0]}` : "";
  const most = hardestOf(training);
  return `${easiest === most ? most : `${easiest} to ${most}`} ${difficulty.counts}${grows}`;
}

async function begin(name: string | undefined, { options, ranks }: How): Promise<TaskSession> {
  const recipe =
    options.recipe === undefined
      ? undefined
      : parseAnswerRecipe(await readRecipeJson(options.recipe), options.recipe);
  const { planned, chosen, ...session } = await plannedAnswers(name, options, recipe);
  requireEqualShares(chosen.training.microBatches, ranks);
  return { ...newSession(planned, chosen), ...session };
}

/** A new run on the answers of a task: everything about it is checked, and nothing is written. */
export async function plannedAnswers(
  name: string | undefined,
  options: TrainOptions,
  recipe: AnswerRecipe | undefined,
) {
  const { task, texts } = await taskOf(name, options, recipe);
  const { out, force = false } = options;
  if (out === undefined) throw trainNeeds(`the task ${task.name}, but no --out`);
  const range = rangeOf(task, options, recipe);
  const hardest = typeof range.hardest === "number" ? range.hardest : range.hardest.to;
  const context = options.context ?? recipe?.model?.context ?? task.maxLength(hardest);
  const spec = modelSettings({ ...options, context }, recipe, task.vocabulary.length);
  const training = answerTrainingSettings(spec, task, { flags: options, range, recipe });
  const { device } = options;
  const chosen = { spec, training, threads: threadCount(options.threads ?? usualThreads), device };
  const needs = requireTextMemory(spec, training, memoryOfRank());
  const { variant } = task;
  const form = variant === undefined ? {} : { variant };
  const data = texts ? { data: { path: texts.path, sha256: textsChecksum(texts.manifest) } } : {};
  const what = { kind: "task", task: task.name, ...form, ...data } as const;
  const planned = await planRun(out, { ...what, ...chosen }, { force });
  return { planned, chosen, task, texts: texts?.path, needs };
}

/** The task that words and flags name, or the recipe does; or the labelled texts of a folder. */
async function taskOf(
  name: string | undefined,
  { group, variant }: TrainOptions,
  recipe: AnswerRecipe | undefined,
): Promise<{ readonly task: TokenTask; readonly texts?: Texts }> {
  if (name !== undefined && (await holdsTexts(name))) {
    if (recipe?.task !== undefined) throw trainNeeds(`${name}, and a recipe for the task ${recipe.task}`);
    const form = group ?? variant ?? recipe?.variant;
    if (form !== undefined) throw trainNeeds(`the labelled texts of ${name}, and the form ${form} of a task`);
    const texts = await openTexts(name);
    return { task: texts.task, texts };
  }
  if (name !== undefined && recipe?.task !== undefined && recipe.task !== name)
    throw trainNeeds(`${name}, and a recipe for the task ${recipe.task}`);
  const own = name ?? recipe?.task;
  if (own === undefined) throw trainNeeds("no task");
  if (group === undefined && variant === undefined) return { task: tokenTaskNamed(own, recipe?.variant) };
  return { task: openTask(own, { group, variant }) };
}

/** The difficulties of training: what the flags say, over the recipe, over what is usual of the task. */
function rangeOf(
  task: TokenTask,
  { difficulty, curriculum, steps }: TrainOptions,
  recipe: AnswerRecipe | undefined,
): Pick<AnswerTraining, "easiest" | "hardest"> {
  const { usual } = task.difficulty;
  const stored = recipe?.training;
  const hardest = difficulty?.to ?? stored?.hardest ?? usual.to;
  const least = typeof hardest === "number" ? hardest : hardest.from;
  const easiest = difficulty?.from ?? stored?.easiest ?? Math.min(usual.from, least);
  if (curriculum === undefined) return { easiest, hardest };
  const to = typeof hardest === "number" ? hardest : hardest.to;
  if (easiest >= to)
    throw new UsageError(`--curriculum needs a range of difficulties, like --difficulty 2..${to}.`);
  const total = typeof steps === "number" ? steps : (stored?.steps ?? 1000);
  return { easiest, hardest: ramp(easiest, to, { steps: total, share: curriculum, stages }) };
}

async function goOn(
  name: string | undefined,
  path: string,
  { options, status, ranks }: How,
): Promise<TaskSession> {
  requireNoChange(path, options);
  const from = name ?? options.data;
  const { data } = (await openRun(path, ["task"])).config;
  if (from !== undefined && data === undefined)
    throw trainNeeds(`--resume ${path} with ${name ?? "--data"}: a run keeps its task, which needs no data`);
  const { threads, device } = options;
  const steps = options.steps as number | undefined;
  const measure = `gyre eval ${path}`;
  const session = await resumedTask(path, { threads, device, usualThreads, steps, measure, status });
  requireEqualShares(session.training.microBatches, ranks);
  const needs = textNeeds(session.spec, session.training);
  requireMemory(needs, memoryOfRank());
  const run = await session.run();
  const task = await openRunTask(run, from);
  const { training, threads: used } = session;
  await keepUpToDate(run, { ...run.config, training, threads: run.config.threads ?? used }, status);
  return { ...session, task, texts: data && (from ?? resolve(path, data.path)), needs };
}

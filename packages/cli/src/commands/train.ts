import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  CLASSIFY,
  counted,
  evaluate,
  type Recipe,
  type Runtime,
  requireEqualShares,
  requireFit,
  requireMemory,
  requireTextMemory,
  type TrainingNeeds,
  textNeeds,
  tokenTasks,
  train,
  usedWeights,
} from "gyre";
import {
  broadcastJson,
  type Collective,
  contentChecksum,
  type Dataset,
  holdsTexts,
  loadWeights,
  openDataset,
  openRun,
  openRunData,
  openTrainingData,
  planRun,
  requireSame,
  runKinds,
  type TextConfig,
  threadCount,
} from "gyre/node";
import { budgetsFor } from "../budgets.ts";
import { nothingToLearn, trainNeeds } from "../errors.ts";
import type { HeldOutMeasure, HeldOutPoint } from "../held-out.ts";
import { UsageError } from "../options.ts";
import {
  asRank,
  memoryOfRank,
  type RankHow,
  type RankSession,
  requireOneProcess,
  sharedSession,
  statusOf,
  threadsOfRank,
} from "../ranks.ts";
import type { StatusLine } from "../render/status-line.ts";
import { writeSamples } from "../samples.ts";
import { readRecipe, readRecipeJson, settings, trainingSettings } from "../settings.ts";
import { startRanks } from "../start-ranks.ts";
import {
  namedCheckpoint,
  requireAhead,
  requireCompany,
  requireItsModel,
  requireMeasuring,
  requireNoChange,
  type TrainOptions,
  taskFlags,
} from "../train-options.ts";
import { trainSession } from "../train-session.ts";
import { keepUpToDate, newSession, resumedText, type Session, tellNeeds } from "../training.ts";

/** What rank 0 prepares. */
interface TextSession extends Session<TextConfig> {
  readonly dataset: Dataset;
  /** Where the dataset is. */
  readonly from: string;
  readonly needs: TrainingNeeds;
}

type How = RankHow<TrainOptions>;

/** What all ranks train. */
type SharedText = RankSession<TextConfig> & Pick<TextSession, "dataset" | "needs">;

/** `gyre train`: a new run, or one that goes on. */
export async function trainCommand(data: string | undefined, options: TrainOptions): Promise<number> {
  if (data !== undefined && options.data !== undefined)
    throw trainNeeds(`data ${data} and --data ${options.data}`);
  if (options.ranks !== undefined) return await startRanks(options.ranks);
  return await asRank((ranks) => trainRank(ranks, data, options));
}

/** Trains as one of the ranks; rank 0, often the only one, prepares, prints and writes. */
async function trainRank(
  ranks: Collective,
  data: string | undefined,
  options: TrainOptions,
): Promise<number> {
  const from = data ?? options.data;
  requireMeasuring(options);
  requireCompany(options);
  if (options.dryRun) requireOneProcess("gyre train --dry-run");
  const status = statusOf(ranks);
  const how = { options, status, ranks };
  if (await broadcastJson(ranks, ranks.rank === 0 && (await isTask(from, options, status))))
    return (await import("./train-task.ts")).trainTask(from, how);
  const [flag] = taskFlags.filter((name) => options[name] !== undefined);
  if (flag) throw new UsageError(`--${flag} is for a task, and this trains on text.`);
  if (ranks.rank > 0) return await trainText(await sharedText(from, undefined, ranks), how);
  const session = await (options.resume === undefined
    ? begin(from, options, ranks)
    : goOn(from, options.resume, how));
  if (options.dryRun) return tellNeeds(session, session.spec.context);
  return await trainText(await sharedText(from, session, ranks), how);
}

/**
 * The session of rank 0 for every rank; the others open the dataset at `data`, or where rank 0 has it. Throws RANKS_DIFFER for
 * other data, and what `openDataset` throws.
 */
async function sharedText(
  data: string | undefined,
  own: TextSession | undefined,
  ranks: Collective,
): Promise<SharedText> {
  const { path } = await broadcastJson(ranks, { path: resolve(own?.from ?? "") });
  const from = data ?? path;
  const dataset = own?.dataset ?? (await openDataset(from));
  await requireSame(ranks, `the dataset ${from}`, () => contentChecksum(dataset.manifest));
  const session = await sharedSession(ranks, own);
  return { ...session, dataset, needs: own?.needs ?? textNeeds(session.spec, session.training) };
}

async function trainText(session: SharedText, how: How): Promise<number> {
  const { path, spec, training, threads, device, state, dataset, needs } = session;
  const { sampleEvery } = how.options;
  requireAhead(how.options, state.step);
  return await trainSession(session, how, {
    title:
      `${spec.family}, ${counted(spec.layers.core, "layer")} x ${counted(spec.loops, "loop")}, width ${spec.width}; ` +
      `${training.steps} steps of ${training.batch * training.microBatches} x ${spec.context} tokens`,
    needs: dataset.train.scored ? ofEightSizes(needs) : needs,
    events: (progress) => train({ ...progress, spec, training, data: dataset.train }),
    measure: (runtime) => heldOutText(session, runtime),
    next: { goOn: `gyre train --resume ${path}`, done: [`gyre eval ${path}`, `gyre generate ${path}`] },
    sampling: sampleEvery
      ? {
          every: sampleEvery,
          write: () => writeSamples({ spec, weights: usedWeights(state), dataset, threads, device }),
        }
      : undefined,
  });
}

/** Batches of text with prompts score one of eight numbers of rows. */
const ofEightSizes = (needs: TrainingNeeds): TrainingNeeds => ({ ...needs, graphs: 8 * needs.graphs });

/** Held-out tokens that are predicted at each number of loops while training goes on. */
const heldOutTokens = 8192;

/** Bits per byte on the beginning of the validation split. */
function heldOutText({ spec, state, dataset }: SharedText, runtime: Runtime): HeldOutMeasure {
  const { tokenizer, validation: split } = dataset;
  return {
    name: "bitsPerByte",
    unit: "bits/byte",
    text: (value) => value.toFixed(3),
    async points() {
      const points: HeldOutPoint[] = [];
      const byteLength = (token: number) => tokenizer.byteLength(token);
      const model = { spec, weights: usedWeights(state), runtime };
      const budgets = await budgetsFor(spec, {}, false);
      const measured = evaluate({ ...model, split, byteLength, maxTokens: heldOutTokens, budgets });
      for await (const { loops, bitsPerByte } of measured) points.push({ loops, value: bitsPerByte });
      return points;
    },
  };
}

/** Whether training is on a task: a folder of the same name wins over it. */
async function isTask(
  from: string | undefined,
  { resume, recipe }: TrainOptions,
  status: StatusLine,
): Promise<boolean> {
  if (resume !== undefined) return (await openRun(resume, runKinds)).config.kind === "task";
  if (from !== undefined) {
    const isName = from === CLASSIFY || tokenTasks.some(({ name }) => name === from);
    const isFolder = existsSync(from);
    if (await holdsTexts(from)) return true;
    if (isName && isFolder)
      status.print(`${from} is a folder here: it is trained on, not the task of that name`);
    return isName && !isFolder;
  }
  const json = recipe === undefined ? undefined : await readRecipeJson(recipe);
  return typeof json === "object" && json !== null && "task" in json;
}

async function begin(
  from: string | undefined,
  options: TrainOptions,
  ranks: Collective,
): Promise<TextSession> {
  const recipe = options.recipe === undefined ? undefined : await readRecipe(options.recipe);
  const { planned, chosen, source, ...session } = await plannedText(from, options, recipe);
  requireEqualShares(chosen.training.microBatches, ranks);
  return { ...newSession(planned, chosen, source?.weights), ...session };
}

/** A new run on text: everything about it is checked, and nothing is written. */
export async function plannedText(
  from: string | undefined,
  options: TrainOptions,
  recipe: Recipe | undefined,
) {
  if (from === undefined) throw trainNeeds("no data");
  const { out, force = false } = options;
  if (out === undefined) throw trainNeeds(`data ${from}, but no --out`);
  if (!existsSync(from))
    throw nothingToLearn(
      from,
      tokenTasks.map(({ name }) => name),
    );
  const source = options.from === undefined ? undefined : await sourceOf(options.from, options, recipe);
  const dataset = await (source ? openRunData(source.run, from) : openDataset(from));
  const { tokenizer, manifest } = dataset;
  const threads = threadCount(options.threads ?? threadsOfRank());
  const own = source
    ? { spec: source.run.config.spec, training: trainingSettings(source.run.config.spec, options, recipe) }
    : settings(options, recipe, manifest.tokenizer.vocab);
  const chosen = { ...own, threads, device: options.device };
  requireFit(chosen.spec, dataset.train);
  const needs = requireTextMemory(chosen.spec, chosen.training, memoryOfRank());
  const data = { path: from, manifest };
  const which = options.weights === undefined ? {} : { weights: options.weights };
  const origin = source ? { from: { run: source.run.path, step: source.step, ...which } } : {};
  const planned = await planRun(out, { kind: "text", ...chosen, ...origin, tokenizer, data }, { force });
  return { planned, chosen, source, dataset, from, needs };
}

/** The run that a new one begins with, and the weights of the checkpoint that is named. */
async function sourceOf(from: string, options: TrainOptions, recipe: Recipe | undefined) {
  const { path, checkpoint } = namedCheckpoint(from, options.checkpoint);
  requireItsModel(path, options, recipe);
  const run = await openRun(path);
  const { weights, step } = await loadWeights(run, checkpoint, options.weights);
  return { run, weights, step };
}

async function goOn(
  from: string | undefined,
  path: string,
  { options, status, ranks }: How,
): Promise<TextSession> {
  requireNoChange(path, options);
  const { threads, device } = options;
  const steps = options.steps as number | undefined;
  const how = { threads, device, usualThreads: threadsOfRank(), steps, measure: `gyre eval ${path}`, status };
  const session = await resumedText(path, how);
  requireEqualShares(session.training.microBatches, ranks);
  const needs = textNeeds(session.spec, session.training);
  requireMemory(needs, memoryOfRank());
  const run = await session.run();
  const { dataset, reference } = await openTrainingData(run, from);
  const { training, threads: used } = session;
  const config = { ...run.config, training, threads: run.config.threads ?? used, data: reference };
  await keepUpToDate(run, config, status);
  return { ...session, dataset, from: from ?? resolve(path, reference.path), needs };
}

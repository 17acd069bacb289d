import {
  evaluatePrompts,
  promptNeeds,
  type Runtime,
  requireEqualShares,
  requireMemory,
  requirePromptMemory,
  usedWeights,
} from "gyre";
import { labRecipeNamed, openLabRecipe, parseLabRecipe, trainPrompts, vectorTaskNamed } from "gyre/lab";
import {
  broadcastJson,
  type Collective,
  type Device,
  type PromptsConfig,
  planRun,
  threadCount,
} from "gyre/node";
import { labTrainNeeds } from "../errors.ts";
import { flagOf } from "../flags.ts";
import type { HeldOutMeasure, HeldOutOptions } from "../held-out.ts";
import { asRank, memoryOfRank, type RankHow, type RankSession, sharedSession, statusOf } from "../ranks.ts";
import { readRecipeJson } from "../settings.ts";
import { startRanks } from "../start-ranks.ts";
import { requireAhead, requireMeasuring } from "../train-options.ts";
import { trainSession } from "../train-session.ts";
import { keepUpToDate, newSession, resumedPrompts, type Session } from "../training.ts";

export interface LabTrainOptions extends HeldOutOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly force?: boolean;
  readonly seed?: number;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly emaDecay?: number;
  readonly batch?: number;
  readonly microBatches?: number;
  readonly ranks?: number;
  readonly checkpointEvery: number;
  readonly device?: Device | undefined;
  readonly tensorboard?: string;
  readonly threads?: number;
}

interface PromptSession extends Session<PromptsConfig> {
  readonly recipe: string;
  readonly taskName: string;
}

type How = RankHow<LabTrainOptions>;

/** What all ranks train. */
type SharedPrompts = RankSession<PromptsConfig> & Pick<PromptSession, "recipe" | "taskName">;

const overrides = ["seed", "steps", "learningRate", "emaDecay", "batch", "microBatches"] as const;
/** Small models gain nothing from more. */
const usualThreads = 1;

/** `gyre lab train`: trains a recipe of the laboratory into a run, or goes on with one. */
export async function labTrainCommand(recipe: string | undefined, options: LabTrainOptions): Promise<number> {
  if (options.ranks !== undefined) return await startRanks(options.ranks);
  return await asRank((ranks) => trainRank(recipe, { options, status: statusOf(ranks), ranks }));
}

async function trainRank(recipe: string | undefined, how: How): Promise<number> {
  const { options, ranks } = how;
  requireMeasuring(options, labTrainNeeds);
  const begun =
    ranks.rank > 0
      ? undefined
      : await (options.resume === undefined ? begin(recipe, how) : goOn(recipe, options.resume, how));
  const session = await sharedPrompts(begun, ranks);
  const { path, spec, training, state, recipe: name, taskName } = session;
  const task = vectorTaskNamed(taskName);
  requireAhead(options, state.step, labTrainNeeds);
  return await trainSession(session, how, {
    title:
      `${name}, seed ${training.seed}, on ${taskName}; ${training.steps} steps of ` +
      `${training.batch * training.microBatches} prompts`,
    needs: promptNeeds(spec, training, task),
    events: (progress) => trainPrompts({ ...progress, spec, training, task }),
    measure: (runtime) => heldOutPrompts(session, runtime),
    next: { goOn: `gyre lab train --resume ${path}`, done: [`gyre lab eval ${path}`] },
  });
}

/** Prompts that are measured while training goes on; not those that `gyre lab eval` draws unless told. */
const measured = { prompts: 256, seed: 1, resamples: 1 } as const;

/** The squared error of the last reading, which has seen all examples, over the scale of the task. */
function heldOutPrompts({ spec, state, taskName }: SharedPrompts, runtime: Runtime): HeldOutMeasure {
  const task = vectorTaskNamed(taskName);
  const loops = Array.from({ length: spec.loops }, (_, index) => index + 1);
  const { scale } = task;
  return {
    name: "squaredError",
    unit: "squared error",
    text: (value) => value.toPrecision(3),
    async points() {
      const weights = usedWeights(state);
      const { curves } = await evaluatePrompts({ ...measured, spec, weights, runtime, task, loops, scale });
      return curves.map(({ loops: count, mean }) => ({ loops: count, value: mean.at(-1) ?? Number.NaN }));
    },
  };
}

/** The session of rank 0 for every rank. */
async function sharedPrompts(own: PromptSession | undefined, ranks: Collective): Promise<SharedPrompts> {
  const names = { recipe: own?.recipe ?? "", taskName: own?.taskName ?? "" };
  return { ...(await broadcastJson(ranks, names)), ...(await sharedSession(ranks, own)) };
}

async function begin(name: string | undefined, { options, ranks }: How): Promise<PromptSession> {
  if (name === undefined) throw labTrainNeeds("no recipe");
  const recipe = name.endsWith(".json")
    ? parseLabRecipe(await readRecipeJson(name), name)
    : labRecipeNamed(name);
  const { out, force = false } = options;
  if (out === undefined) throw labTrainNeeds(`recipe ${name}, but no --out`);
  const given = Object.fromEntries(
    overrides.filter((field) => options[field] !== undefined).map((field) => [field, options[field]]),
  );
  const { spec, training, task } = openLabRecipe({ ...recipe, training: { ...recipe.training, ...given } });
  const { device } = options;
  const chosen = { spec, training, threads: threadCount(options.threads ?? usualThreads), device };
  requireEqualShares(training.microBatches, ranks);
  requirePromptMemory(spec, training, { task, memoryBytes: memoryOfRank() });
  const names = { recipe: recipe.name, task: task.name };
  const planned = await planRun(out, { kind: "prompts", ...names, ...chosen }, { force });
  return { ...newSession(planned, chosen), recipe: recipe.name, taskName: task.name };
}

async function goOn(
  recipe: string | undefined,
  path: string,
  { options, status, ranks }: How,
): Promise<PromptSession> {
  const kept = overrides.filter((name) => name !== "steps");
  const changed = (["out", "force", ...kept] as const).filter((name) => options[name] !== undefined);
  if (recipe !== undefined || changed.length > 0)
    throw labTrainNeeds(
      `--resume ${path} with ${[...(recipe ? [recipe] : []), ...changed.map(flagOf)].join(", ")}: a ` +
        "run keeps the options it began with",
    );
  const { threads, device, steps } = options;
  const session = await resumedPrompts(path, {
    threads,
    device,
    steps,
    usualThreads,
    measure: `gyre lab eval ${path}`,
    status,
  });
  const { spec, training } = session;
  requireEqualShares(training.microBatches, ranks);
  const run = await session.run();
  requireMemory(promptNeeds(spec, training, vectorTaskNamed(run.config.task)), memoryOfRank());
  await keepUpToDate(
    run,
    { ...run.config, training, threads: run.config.threads ?? session.threads },
    status,
  );
  return { ...session, recipe: run.config.recipe, taskName: run.config.task };
}

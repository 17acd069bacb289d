import {
  evaluatePrompts,
  promptNeeds,
  type Runtime,
  requireEqualShares,
  requireMemory,
  requirePromptMemory,
  type TrainState,
  usedWeights,
} from "gyre";
import { labRecipeNamed, openLabRecipe, parseLabRecipe, trainPrompts, vectorTaskNamed } from "gyre/lab";
import {
  broadcastJson,
  type Collective,
  type Device,
  openOnnxRuntime,
  type PromptsConfig,
  planRun,
  threadCount,
} from "gyre/node";
import { labTrainNeeds } from "../errors.ts";
import { flagOf } from "../flags.ts";
import { followingOf, followTraining } from "../follow-training.ts";
import { HeldOut, type HeldOutOptions } from "../held-out.ts";
import { Interrupt } from "../interrupt.ts";
import { asRank, memoryOfRank, type RankHow, type RankSession, sharedSession, statusOf } from "../ranks.ts";
import { readRecipeJson } from "../settings.ts";
import { startRanks } from "../start-ranks.ts";
import { requireAhead, requireMeasuring } from "../train-options.ts";
import { announced, keepUpToDate, newSession, resumedPrompts, type Session } from "../training.ts";

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
  const { options, status, ranks } = how;
  requireMeasuring(options, labTrainNeeds);
  const begun =
    ranks.rank > 0
      ? undefined
      : await (options.resume === undefined ? begin(recipe, how) : goOn(recipe, options.resume, how));
  const session = await sharedPrompts(begun, ranks);
  const { path, spec, training, threads, device, state, run, taskName } = session;
  requireAhead(options, state.step, labTrainNeeds);
  const { keep, note, warnings } = announced(promptNeeds(spec, training, vectorTaskNamed(taskName)), threads);
  status.print(
    `${path}: ${session.recipe}, seed ${training.seed}, on ${taskName}; ${training.steps} steps of ` +
      `${training.batch * training.microBatches} prompts` +
      (state.step > 0 ? `, from step ${state.step}` : "") +
      (ranks.size > 1 ? ` on ${ranks.size} ranks` : "") +
      note,
  );
  for (const warning of warnings) status.print(`warning: ${warning}`);
  const interrupt = new Interrupt();
  await using runtime = await openOnnxRuntime({ threads, device, keep });
  const events = trainPrompts({
    spec,
    training,
    task: vectorTaskNamed(taskName),
    runtime,
    state,
    ranks,
    ...(run ? { save: async (saved: TrainState) => (await run()).save(saved) } : {}),
    checkpointEvery: options.checkpointEvery,
    signal: interrupt.signal,
  });
  // of its own, so that measuring and training do not take each other's compiled programs
  await using measuring = await openOnnxRuntime({ threads, device, keep: 1 });
  const next = { goOn: `gyre lab train --resume ${path}`, done: [`gyre lab eval ${path}`] };
  return await followTraining(events, {
    ...followingOf(session, {
      options,
      ranks,
      runtime,
      measurer: run && (await heldOutPrompts(session, { options, runtime: measuring, run })),
    }),
    status,
    interrupt,
    next,
  });
}

/** Prompts that are measured while training goes on; not those that `gyre lab eval` draws unless told. */
const measured = { prompts: 256, seed: 1, resamples: 1 } as const;

/** The squared error of the last reading, which has seen all examples, over the scale of the task. */
async function heldOutPrompts(
  { spec, state, taskName, training }: SharedPrompts,
  { options, runtime, run }: { options: LabTrainOptions; runtime: Runtime; run: PromptSession["run"] },
): Promise<HeldOut> {
  const task = vectorTaskNamed(taskName);
  const loops = Array.from({ length: spec.loops }, (_, index) => index + 1);
  const { scale } = task;
  const measurer = new HeldOut(
    {
      name: "squaredError",
      unit: "squared error",
      text: (value) => value.toPrecision(3),
      async points() {
        const weights = usedWeights(state);
        const { curves } = await evaluatePrompts({ ...measured, spec, weights, runtime, task, loops, scale });
        return curves.map(({ loops: count, mean }) => ({ loops: count, value: mean.at(-1) ?? Number.NaN }));
      },
    },
    { ...options, steps: training.steps },
  );
  if (state.step > 0) measurer.recall((await (await run()).metrics.read()).records);
  return measurer;
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
  const changed = (["out", "force", ...overrides] as const).filter((name) => options[name] !== undefined);
  if (recipe !== undefined || changed.length > 0)
    throw labTrainNeeds(
      `--resume ${path} with ${[...(recipe ? [recipe] : []), ...changed.map(flagOf)].join(", ")}: a ` +
        "run keeps the options it began with",
    );
  const { threads, device } = options;
  const session = await resumedPrompts(path, {
    threads,
    device,
    usualThreads,
    measure: `gyre lab eval ${path}`,
    status,
  });
  requireEqualShares(session.training.microBatches, ranks);
  const run = await session.run();
  requireMemory(
    promptNeeds(session.spec, session.training, vectorTaskNamed(run.config.task)),
    memoryOfRank(),
  );
  await keepUpToDate(run, { ...run.config, threads: run.config.threads ?? session.threads }, status);
  return { ...session, recipe: run.config.recipe, taskName: run.config.task };
}

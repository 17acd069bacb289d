import { promptNeeds, requireMemory, requirePromptMemory, type TrainingNeeds } from "gyre";
import { labRecipeNamed, openLabRecipe, parseLabRecipe, trainPrompts, vectorTaskNamed } from "gyre/lab";
import { machineMemory, openOnnxRuntime, type PromptsConfig, planRun, threadCount } from "gyre/node";
import { labTrainNeeds } from "../errors.ts";
import { followTraining } from "../follow-training.ts";
import { Interrupt } from "../interrupt.ts";
import { StatusLine } from "../render/status-line.ts";
import { readRecipeJson } from "../settings.ts";
import { announced, keepUpToDate, newSession, resumedPrompts, type Session } from "../training.ts";
import { requireOneProcess } from "../training-ranks.ts";

export interface LabTrainOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly force?: boolean;
  readonly seed?: number;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly checkpointEvery: number;
  readonly threads?: number;
}

interface PromptSession extends Session<PromptsConfig> {
  readonly recipe: string;
  readonly taskName: string;
  readonly needs: TrainingNeeds;
}

const overrides = ["seed", "steps", "learningRate"] as const;
/** Small models gain nothing from more. */
const usualThreads = 1;

/** `gyre lab train`: trains a recipe of the laboratory into a run, or goes on with one. */
export async function labTrainCommand(recipe: string | undefined, options: LabTrainOptions): Promise<number> {
  requireOneProcess("gyre lab train");
  const status = new StatusLine();
  const session = await (options.resume === undefined
    ? begin(recipe, options)
    : goOn(recipe, options.resume, { options, status }));
  const { path, spec, training, threads, state, run, taskName } = session;
  const { keep, note, warnings } = announced(session.needs, threads);
  status.print(
    `${path}: ${session.recipe}, seed ${training.seed}, on ${taskName}; ${training.steps} steps of ` +
      `${training.batch * training.microBatches} prompts` +
      (state.step > 0 ? `, from step ${state.step}` : "") +
      note,
  );
  for (const warning of warnings) status.print(`warning: ${warning}`);
  const interrupt = new Interrupt();
  await using runtime = await openOnnxRuntime({ threads, keep });
  const events = trainPrompts({
    spec,
    training,
    task: vectorTaskNamed(taskName),
    runtime,
    state,
    save: async (saved) => (await run()).save(saved),
    checkpointEvery: options.checkpointEvery,
    signal: interrupt.signal,
  });
  const next = { goOn: `gyre lab train --resume ${path}`, done: [`gyre lab eval ${path}`] };
  return await followTraining(events, { run, steps: training.steps, status, interrupt, next });
}

async function begin(name: string | undefined, options: LabTrainOptions): Promise<PromptSession> {
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
  const chosen = { spec, training, threads: threadCount(options.threads ?? usualThreads) };
  const needs = requirePromptMemory(spec, training, { task, memoryBytes: machineMemory() });
  const names = { recipe: recipe.name, task: task.name };
  const planned = await planRun(out, { kind: "prompts", ...names, ...chosen }, { force });
  return { ...newSession(planned, chosen), recipe: recipe.name, taskName: task.name, needs };
}

async function goOn(
  recipe: string | undefined,
  path: string,
  { options, status }: { readonly options: LabTrainOptions; readonly status: StatusLine },
): Promise<PromptSession> {
  const changed = (["out", "force", ...overrides] as const).filter((name) => options[name] !== undefined);
  if (recipe !== undefined || changed.length > 0)
    throw labTrainNeeds(
      `--resume ${path} with ${[...(recipe ? [recipe] : []), ...changed.map((name) => `--${name}`)].join(", ")}: a ` +
        "run keeps the options it began with",
    );
  const { threads } = options;
  const session = await resumedPrompts(path, {
    threads,
    usualThreads,
    measure: `gyre lab eval ${path}`,
    status,
  });
  const run = await session.run();
  const needs = promptNeeds(session.spec, session.training, vectorTaskNamed(run.config.task));
  requireMemory(needs, machineMemory());
  await keepUpToDate(run, { ...run.config, threads: run.config.threads ?? session.threads }, status);
  return { ...session, recipe: run.config.recipe, taskName: run.config.task, needs };
}

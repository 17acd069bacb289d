import { initialState } from "gyre";
import { labRecipeNamed, openLabRecipe, parseLabRecipe, trainPrompts } from "gyre/lab";
import { createLabRun, type LabRun, openLabRun, openOnnxRuntime, resumeState, saveState } from "gyre/node";
import { alreadyDone, labTrainNeeds } from "../errors.ts";
import { followTraining } from "../follow-training.ts";
import { interruptSignal } from "../interrupt.ts";
import { StatusLine } from "../render/status-line.ts";
import { readRecipeJson } from "../settings.ts";

export interface LabTrainOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly force?: boolean;
  readonly seed?: number;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly checkpointEvery: number;
  readonly threads: number;
}

const overrides = ["seed", "steps", "learningRate"] as const;

/** `gyre lab train`: trains a recipe of the laboratory into a run, or goes on with one. */
export async function labTrainCommand(recipe: string | undefined, options: LabTrainOptions): Promise<number> {
  const status = new StatusLine();
  const run = await (options.resume === undefined
    ? begin(recipe, options)
    : goOn(recipe, options.resume, options));
  const { directory, task } = run;
  const { spec, training } = run.config;
  const found = await resumeState(run);
  for (const warning of found?.warnings ?? []) status.print(`warning: ${warning}`);
  const state = found?.state ?? initialState(spec, training.seed);
  if (state.step >= training.steps)
    throw alreadyDone(directory.path, training.steps, `gyre lab eval ${directory.path}`);
  status.print(
    `${directory.path}: ${run.config.recipe}, seed ${training.seed}, on ${task.name}; ${training.steps} steps of ` +
      `${training.batch * training.microBatches} prompts` +
      (state.step > 0 ? `, from step ${state.step}` : ""),
  );
  await using runtime = await openOnnxRuntime({ threads: options.threads });
  const events = trainPrompts({
    spec,
    training,
    task,
    runtime,
    state,
    save: (saved) => saveState(run, saved),
    checkpointEvery: options.checkpointEvery,
    signal: interruptSignal(),
  });
  const { path } = directory;
  const next = { goOn: `gyre lab train --resume ${path}`, measure: `gyre lab eval ${path}` };
  return await followTraining(events, { directory, steps: training.steps, status, next });
}

async function begin(name: string | undefined, options: LabTrainOptions): Promise<LabRun> {
  if (name === undefined) throw labTrainNeeds("no recipe");
  const recipe = name.endsWith(".json")
    ? parseLabRecipe(await readRecipeJson(name), name)
    : labRecipeNamed(name);
  const { out, force = false } = options;
  if (out === undefined) throw labTrainNeeds(`recipe ${name}, but no --out`);
  const given = Object.fromEntries(
    overrides.filter((field) => options[field] !== undefined).map((field) => [field, options[field]]),
  );
  return createLabRun(out, openLabRecipe({ ...recipe, training: { ...recipe.training, ...given } }), {
    force,
  });
}

async function goOn(recipe: string | undefined, path: string, options: LabTrainOptions): Promise<LabRun> {
  const changed = (["out", "force", ...overrides] as const).filter((name) => options[name] !== undefined);
  if (recipe !== undefined || changed.length > 0)
    throw labTrainNeeds(
      `--resume ${path} with ${[...(recipe ? [recipe] : []), ...changed.map((name) => `--${name}`)].join(", ")}: a ` +
        "run keeps the options it began with",
    );
  return openLabRun(path);
}

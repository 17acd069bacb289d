import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { initialState, type TrainState, usedWeights } from "gyre";
import { type LabRecipe, type OpenRecipe, openLabRecipe, type TrainedModel, trainPrompts } from "gyre/lab";
import {
  createRun,
  type HeldRun,
  holdRun,
  loadWeights,
  openOnnxRuntime,
  openRun,
  type PromptsConfig,
} from "gyre/node";
import { otherRecipe } from "./errors.ts";
import { TrainLine } from "./render/train-line.ts";

interface Watch {
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Models by recipe and seed, from runs in a folder: a finished run is read, a stopped one goes on, a missing one is
 * trained. The returned function throws LAB_RUN for a run of another recipe, the errors of `openRun`, `holdRun` and
 * `trainPrompts`, and the signal's reason.
 */
export function trainedModels(folder: string, watch: Watch) {
  return async (recipe: LabRecipe, seed: number): Promise<TrainedModel> => {
    const path = join(folder, `${recipe.name}-seed${seed}`);
    const wanted = openLabRecipe({ ...recipe, training: { ...recipe.training, seed } });
    const { spec, training } = wanted;
    if (existsSync(join(path, "config.json"))) {
      const { config } = await openRun(path, ["prompts"]);
      if (!isDeepStrictEqual([config.spec, config.training], [spec, training]))
        throw otherRecipe(path, recipe.name);
      const done = await loadWeights({ path, config }).catch(() => undefined);
      if (done?.step === training.steps) return { spec, weights: done.weights };
      await using run = await holdRun(path, ["prompts"]);
      return train(run, wanted, watch);
    }
    const names = { recipe: recipe.name, task: wanted.task.name };
    await using run = await createRun(path, { kind: "prompts", ...names, spec, training, threads: 1 });
    return train(run, wanted, watch);
  };
}

async function train(
  run: HeldRun<PromptsConfig>,
  { name, spec, training, task }: OpenRecipe,
  { onProgress, signal }: Watch,
): Promise<TrainedModel> {
  const { state = initialState(spec, training.seed) } = await run.resume();
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const line = new TrainLine(training.steps);
  const save = (saved: TrainState) => run.save(saved);
  for await (const event of trainPrompts({ spec, training, task, runtime, state, save, signal })) {
    if (event.type !== "step") continue;
    const { type: _, ...record } = event;
    await run.appendMetrics(record);
    onProgress(`${name}, seed ${training.seed}: ${line.next(event)}`);
  }
  signal.throwIfAborted();
  return { spec, weights: usedWeights(state) };
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { initialState } from "gyre";
import { type LabRecipe, openLabRecipe, type TrainedModel, trainPrompts } from "gyre/lab";
import { createLabRun, openLabRun, openOnnxRuntime, resumeState, saveState } from "gyre/node";
import { otherRecipe } from "./errors.ts";
import { TrainLine } from "./render/train-line.ts";

interface Watch {
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Models by recipe and seed, from runs in a folder: a finished run is read, a stopped one goes on, a missing one is
 * trained. The returned function throws LAB_RUN for a run of another recipe, the errors of `openLabRun` and `trainPrompts`, and the signal's reason.
 */
export function trainedModels(folder: string, { onProgress, signal }: Watch) {
  return async (recipe: LabRecipe, seed: number): Promise<TrainedModel> => {
    const path = join(folder, `${recipe.name}-seed${seed}`);
    const wanted = openLabRecipe({ ...recipe, training: { ...recipe.training, seed } });
    const isThere = existsSync(join(path, "config.json"));
    const run = isThere ? await openLabRun(path) : await createLabRun(path, wanted);
    const { config } = run;
    if (!isDeepStrictEqual([config.spec, config.training], [wanted.spec, wanted.training]))
      throw otherRecipe(path, recipe.name);
    const { spec, training } = run.config;
    const found = await resumeState(run);
    const state = found?.state ?? initialState(spec, training.seed);
    if (state.step < training.steps) {
      await using runtime = await openOnnxRuntime({ threads: 1 });
      const line = new TrainLine(training.steps);
      const save = (saved: typeof state) => saveState(run, saved);
      const { task } = run;
      for await (const event of trainPrompts({ spec, training, task, runtime, state, save, signal })) {
        if (event.type !== "step") continue;
        const { type: _, ...record } = event;
        await run.directory.appendMetrics(record);
        onProgress(`${recipe.name}, seed ${seed}: ${line.next(event)}`);
      }
      signal.throwIfAborted();
    }
    return { spec, weights: state.weights };
  };
}

import type { TrainState } from "../optim/state.ts";
import type { Weights } from "../util/tensor.ts";
import { modelOf, momentsOf } from "./checkpoint-tensors.ts";
import { type LoadedCheckpoint, loadBest, loadCheckpoint, loadStep } from "./checkpoints.node.ts";
import type { Run, RunConfig } from "./config.ts";
import { noEma, runNoCheckpoint } from "./errors.ts";

/** Where a run is and what its model is: all that its checkpoints need. */
export type WeightsOf = Pick<Run<RunConfig>, "path" | "config">;

/** A model's weights after `step` optimizer steps, and what was found damaged on the way to them. */
export interface LoadedWeights {
  readonly step: number;
  readonly weights: Weights;
  readonly warnings: readonly string[];
}

/** Which of a run's checkpoints: the newest good one, the one that was best on held-out data, or that of a step. */
export type WhichCheckpoint = "latest" | "best" | number;
/** Which of a checkpoint's weights: their exponential moving averages, or those of its last step. */
export type WhichWeights = "ema" | "last";

/**
 * The weights of the last good checkpoint, or of another: moving averages where the run keeps them, unless told. Throws RUN_NO_CHECKPOINT,
 * RUN_NO_BEST, RUN_NO_STEP, RUN_NO_EMA, CHECKPOINT_CORRUPT, RUN_SHAPE.
 */
export async function loadWeights(
  run: WeightsOf,
  which: WhichCheckpoint = "latest",
  kind?: WhichWeights,
): Promise<LoadedWeights> {
  const checkpoint = await readCheckpoint(run, which);
  if (!checkpoint) throw runNoCheckpoint(run.path);
  const { step, model, ema, warnings } = checkpoint;
  if (kind === "ema" && !ema) throw noEma(run.path);
  return { step, weights: kind === "last" ? model : (ema ?? model), warnings };
}

/** What training goes on from; undefined before the first checkpoint. Throws CHECKPOINT_CORRUPT, RUN_SHAPE. */
export async function loadState(
  run: WeightsOf,
): Promise<{ readonly state: TrainState; readonly warnings: readonly string[] } | undefined> {
  const found = await readCheckpoint(run, "latest");
  if (!found) return undefined;
  const { step, model, optimizer, ema, warnings } = found;
  const { spec } = run.config;
  const moments = momentsOf(optimizer, spec, run.path);
  const state = { step, weights: model, moments, ...(ema ? { ema } : {}) };
  return { state, warnings };
}

/** A checkpoint, its model by today's names; every tensor of a run on disk comes through here. */
async function readCheckpoint(
  { path, config }: WeightsOf,
  which: WhichCheckpoint,
): Promise<LoadedCheckpoint | undefined> {
  const checkpoint = await (typeof which === "number"
    ? loadStep(path, which)
    : which === "best"
      ? loadBest(path)
      : loadCheckpoint(path));
  if (!checkpoint) return undefined;
  const named = (tensors: LoadedCheckpoint["model"]) => modelOf(tensors, config.spec, path);
  const { model, ema } = checkpoint;
  return { ...checkpoint, model: named(model), ema: ema && named(ema) };
}

import type { TrainState } from "../optim/state.ts";
import type { Weights } from "../util/tensor.ts";
import { modelOf, momentsOf } from "./checkpoint-tensors.ts";
import { type LoadedCheckpoint, loadBest, loadCheckpoint } from "./checkpoints.node.ts";
import type { Run, RunConfig } from "./config.ts";
import { runNoCheckpoint } from "./errors.ts";

/** Where a run is and what its model is: all that its checkpoints need. */
export type WeightsOf = Pick<Run<RunConfig>, "path" | "config">;

/** A model's weights after `step` optimizer steps, and what was found damaged on the way to them. */
export interface LoadedWeights {
  readonly step: number;
  readonly weights: Weights;
  readonly warnings: readonly string[];
}

/** Which of a run's checkpoints: the newest good one, or the one that was best on held-out data. */
export type WhichCheckpoint = "latest" | "best";

/**
 * The weights of the last good checkpoint, or of the best. Throws RUN_NO_CHECKPOINT, RUN_NO_BEST, CHECKPOINT_CORRUPT,
 * RUN_SHAPE.
 */
export async function loadWeights(run: WeightsOf, which: WhichCheckpoint = "latest"): Promise<LoadedWeights> {
  const checkpoint = await readCheckpoint(run, which);
  if (!checkpoint) throw runNoCheckpoint(run.path);
  const { step, model, warnings } = checkpoint;
  return { step, weights: model, warnings };
}

/** What training goes on from; undefined before the first checkpoint. Throws CHECKPOINT_CORRUPT, RUN_SHAPE. */
export async function loadState(
  run: WeightsOf,
): Promise<{ readonly state: TrainState; readonly warnings: readonly string[] } | undefined> {
  const found = await readCheckpoint(run, "latest");
  if (!found) return undefined;
  const { step, model, optimizer, warnings } = found;
  const { spec } = run.config;
  const state = { step, weights: model, moments: momentsOf(optimizer, spec, run.path) };
  return { state, warnings };
}

/** A checkpoint, its model by today's names; every tensor of a run on disk comes through here. */
async function readCheckpoint(
  { path, config }: WeightsOf,
  which: WhichCheckpoint,
): Promise<LoadedCheckpoint | undefined> {
  const checkpoint = await (which === "best" ? loadBest(path) : loadCheckpoint(path));
  if (!checkpoint) return undefined;
  return { ...checkpoint, model: modelOf(checkpoint.model, config.spec, path) };
}

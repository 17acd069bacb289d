import type { TrainState } from "../optim/state.ts";
import type { Weights } from "../util/tensor.ts";
import { modelOf, momentsOf } from "./checkpoint-tensors.ts";
import { type LoadedCheckpoint, loadCheckpoint } from "./checkpoints.node.ts";
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

/** The weights of the last good checkpoint. Throws RUN_NO_CHECKPOINT, CHECKPOINT_CORRUPT, RUN_SHAPE. */
export async function loadWeights(run: WeightsOf): Promise<LoadedWeights> {
  const checkpoint = await readCheckpoint(run);
  if (!checkpoint) throw runNoCheckpoint(run.path);
  const { step, model, warnings } = checkpoint;
  return { step, weights: model, warnings };
}

/** What training goes on from; undefined before the first checkpoint. Throws CHECKPOINT_CORRUPT, RUN_SHAPE. */
export async function loadState(
  run: WeightsOf,
): Promise<{ readonly state: TrainState; readonly warnings: readonly string[] } | undefined> {
  const found = await readCheckpoint(run);
  if (!found) return undefined;
  const { step, model, optimizer, warnings } = found;
  const { spec } = run.config;
  const state = { step, weights: model, moments: momentsOf(optimizer, spec, run.path) };
  return { state, warnings };
}

/** The newest good checkpoint, its model by today's names; every tensor of a run on disk comes through here. */
async function readCheckpoint({ path, config }: WeightsOf): Promise<LoadedCheckpoint | undefined> {
  const checkpoint = await loadCheckpoint(path);
  if (!checkpoint) return undefined;
  return { ...checkpoint, model: modelOf(checkpoint.model, config.spec, path) };
}

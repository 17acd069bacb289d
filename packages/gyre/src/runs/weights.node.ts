import { toOwnNames } from "../families/index.ts";
import { parameters } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import { type LoadedCheckpoint, loadCheckpoint, type RunCheckpoint } from "./checkpoints.node.ts";
import type { Run, RunConfig } from "./config.ts";
import { runNoCheckpoint, runShape } from "./errors.ts";

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
  const moments = (kind: string) => {
    const prefix = `${kind}/`;
    const own = [...optimizer].filter(([name]) => name.startsWith(prefix));
    return toOwnNames(
      run.config.spec,
      new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
    );
  };
  const state = { step, weights: model, moments: { first: moments("first"), second: moments("second") } };
  for (const tensors of [state.moments.first, state.moments.second])
    checkTensors(run.path, run.config.spec, tensors);
  return { state, warnings };
}

/** Weights and moments as the tensors of a checkpoint. */
export function checkpointOf({ step, weights, moments }: TrainState): RunCheckpoint {
  const named = (kind: string, tensors: Weights) =>
    [...tensors].map(([name, tensor]) => [`${kind}/${name}`, tensor] as const);
  const optimizer = new Map([...named("first", moments.first), ...named("second", moments.second)]);
  return { step, model: weights, optimizer };
}

/** The newest good checkpoint, its model by today's names; every tensor of a run on disk comes through here. */
async function readCheckpoint({ path, config }: WeightsOf): Promise<LoadedCheckpoint | undefined> {
  const checkpoint = await loadCheckpoint(path);
  if (!checkpoint) return undefined;
  const model = toOwnNames(config.spec, checkpoint.model);
  checkTensors(path, config.spec, model);
  return { ...checkpoint, model };
}

function checkTensors(path: string, spec: Spec, tensors: ReadonlyMap<string, Tensor>): void {
  const expected = parameters(spec);
  const problems = [...expected].flatMap(([name, { shape }]) => {
    const found = tensors.get(name);
    if (!found) return [`${name}: missing`];
    return found.shape.join() === shape.join() ? [] : [`${name}: [${found.shape}] instead of [${shape}]`];
  });
  problems.push(...[...tensors.keys()].filter((name) => !expected.has(name)).map((name) => `${name}: extra`));
  if (problems.length > 0) throw runShape(path, problems);
}

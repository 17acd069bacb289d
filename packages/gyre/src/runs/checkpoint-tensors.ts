import { toOwnNames } from "../families/index.ts";
import { parameters } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import type { RunCheckpoint } from "./checkpoint-files.ts";
import { runShape } from "./errors.ts";

/** Weights and moments as the tensors of a checkpoint. */
export function checkpointOf({ step, weights, moments, ema }: TrainState): RunCheckpoint {
  const named = (kind: string, tensors: Weights) =>
    [...tensors].map(([name, tensor]) => [`${kind}/${name}`, tensor] as const);
  const optimizer = new Map([...named("first", moments.first), ...named("second", moments.second)]);
  return { step, model: weights, optimizer, ema };
}

/** The weights of a checkpoint by today's names; `path` stands in errors. Throws RUN_SHAPE. */
export function modelOf(model: RunCheckpoint["model"], spec: Spec, path: string): Weights {
  const weights = toOwnNames(spec, model);
  checkTensors(path, spec, weights);
  return weights;
}

/** The moments of a checkpoint by today's names; `path` stands in errors. Throws RUN_SHAPE. */
export function momentsOf(
  optimizer: RunCheckpoint["optimizer"],
  spec: Spec,
  path: string,
): TrainState["moments"] {
  const moments = (kind: string) => {
    const prefix = `${kind}/`;
    const own = [...optimizer].filter(([name]) => name.startsWith(prefix));
    return modelOf(new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])), spec, path);
  };
  return { first: moments("first"), second: moments("second") };
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

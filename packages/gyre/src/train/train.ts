import { batch, type TokenSplit } from "../data/windows.ts";
import type { Graph } from "../graph/types.ts";
import { trainingFlops } from "../models/describe.ts";
import { readsVectors } from "../models/errors.ts";
import { conditions, hasVectors, type Spec } from "../models/spec.ts";
import { sampleUnits } from "../models/trajectories.ts";
import { rng } from "../util/rng.ts";
import type { Tensor } from "../util/tensor.ts";
import { tokenOutside } from "./errors.ts";
import { SHORT_ROUTE, stepGraph } from "./objectives/elastic.ts";
import { type Optimisation, optimise, type Source, type TrainEvent, type TrainState } from "./optimise.ts";
import type { TrainingOptions } from "./options.ts";

export interface TrainRun extends Omit<Optimisation, "training" | "source"> {
  readonly training: TrainingOptions;
  readonly data: TokenSplit;
}

/**
 * Trains a language model; see `optimise`. Batches and trajectories are pure functions of (seed, step). Throws
 * TRAIN_DATA, MODEL_VECTORS and TRAIN_NOT_FINITE.
 */
export async function* train(run: TrainRun): AsyncGenerator<TrainEvent, TrainState> {
  const { spec, data } = run;
  if (hasVectors(spec)) throw readsVectors(spec.family);
  const largest = (data.tokens as Uint32Array).reduce((most, token) => Math.max(most, token), 0);
  if (largest >= spec.vocab) throw tokenOutside(largest, spec.vocab);
  return yield* optimise({ ...run, source: textSource(run) });
}

/** The micro-batches of a run on text. */
function textSource({ spec, training, data }: TrainRun): Source {
  const { batch: rows, microBatches, seed, objective, recompute } = training;
  const { context } = spec;
  const shape = [rows, context];
  const ownRoute = spec.conditioning.kind === "time";
  /** By the number of loops of the short run; a runtime compiles each graph once. */
  const graphs = new Map<number | undefined, Graph>();
  const graphFor = (shortLoops: number | undefined): Graph => {
    const stepShape = {
      batch: rows,
      tokens: context,
      loops: spec.loops,
      ...(shortLoops ? { shortLoops } : {}),
    };
    const graph =
      graphs.get(shortLoops) ??
      stepGraph(spec, objective, stepShape, { recompute, ...tuning(spec, recompute) });
    graphs.set(shortLoops, graph);
    return graph;
  };
  return (step, micro) => {
    const units =
      objective.kind === "elastic"
        ? sampleUnits(training.sampler, spec.loops, rng(seed, "trajectory", step, micro))
        : undefined;
    const { tokens, targets } = batch({ split: data, context, batch: rows, seed, step, micro, microBatches });
    const inputs = new Map<string, Tensor>([
      ["tokens", { data: tokens, shape }],
      ["targets", { data: targets, shape }],
    ]);
    addRoute(inputs, "", conditions(spec, spec.loops));
    if (units && ownRoute) {
      const trajectory = units.map((unit) => unit / spec.loops);
      addRoute(inputs, SHORT_ROUTE, conditions(spec, trajectory));
    }
    const count = rows * context;
    const shortFlops = units && ownRoute ? trainingFlops(spec, units.length, count) : 0;
    return {
      graph: graphFor(units?.length),
      inputs,
      shortLoops: units?.length,
      tokens: count,
      flops: trainingFlops(spec, spec.loops, count) + shortFlops,
    };
  };
}

/** Block sizes that proved fast, or small; they change the order of sums, never the mathematics. */
export function tuning(
  spec: Spec,
  recompute: boolean,
): { readonly tile: number; readonly logitRows: number } {
  return { tile: Math.min(spec.context, 128), logitRows: recompute ? 256 : 1024 };
}

function addRoute(
  inputs: Map<string, Tensor>,
  route: string,
  { loops, t, dt }: ReturnType<typeof conditions>,
): void {
  inputs.set(`${route}t`, { data: t, shape: [loops] });
  inputs.set(`${route}dt`, { data: dt, shape: [loops] });
}

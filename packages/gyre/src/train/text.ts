import { batch, type TokenSplit, windowCount } from "../data/windows.ts";
import type { Graph } from "../graph/types.ts";
import { trainingFlops } from "../models/describe.ts";
import { readsVectors } from "../models/errors.ts";
import { conditions, hasVectors, type Spec } from "../models/spec.ts";
import { sampleUnits } from "../models/trajectories.ts";
import type { TrainState } from "../optim/state.ts";
import { rng } from "../util/rng.ts";
import type { Tensor } from "../util/tensor.ts";
import { tokenOutside } from "./errors.ts";
import { initialState } from "./initial-state.ts";
import { SHORT_ROUTE, stepGraph } from "./objectives/elastic.ts";
import { optimise, type Progress, type Source, type TrainEvent } from "./optimise.ts";
import { parseTraining, type TrainingInput, type TrainingOptions } from "./options.ts";

export interface TrainRun extends Progress {
  readonly spec: Spec;
  readonly training: TrainingInput;
  readonly data: TokenSplit;
  /** Where to go on; fresh weights by default. It is changed in place. */
  readonly state?: TrainState | undefined;
}

/**
 * Trains a language model; see `optimise`. Batches and trajectories are pure functions of (seed, step). A step
 * event's parts are `long` and, where there is a short run, `short` and `consistency`; it notes `shortLoops`. Throws
 * TRAIN_OPTIONS, TRAIN_DATA, DATA_TOO_SHORT, MODEL_VECTORS and TRAIN_NOT_FINITE.
 *
 * @example
 * const going = train({ spec, training: { steps: 100, objective: { kind: "elastic" } }, runtime, data });
 * for await (const event of going) if (event.type === "step") console.log(event.step, event.parts.long);
 */
export async function* train(run: TrainRun): AsyncGenerator<TrainEvent, TrainState> {
  const { spec, data } = run;
  const training = parseTraining(run.training, spec);
  requireFit(spec, data);
  const { state = initialState(spec, training.seed, training.initStd) } = run;
  return yield* optimise({ ...run, options: training, source: textSource(spec, training, data), state });
}

/** Checks that a model can be trained on a text. Throws MODEL_VECTORS, TRAIN_DATA, DATA_TOO_SHORT. */
export function requireFit(spec: Spec, data: TokenSplit): void {
  if (hasVectors(spec)) throw readsVectors(spec.family);
  windowCount(data, spec.context);
  const largest = (data.tokens as Uint32Array).reduce((most, token) => Math.max(most, token), 0);
  if (largest >= spec.vocab) throw tokenOutside(largest, spec.vocab);
}

/** The micro-batches of a run on text. */
function textSource(spec: Spec, training: TrainingOptions, data: TokenSplit): Source {
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
      ...(units ? { noted: { shortLoops: units.length } } : {}),
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

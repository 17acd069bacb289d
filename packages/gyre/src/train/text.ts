import { batch, batchWindows, type TokenSplit, windowCount } from "../data/windows.ts";
import { readsVectors } from "../models/errors.ts";
import { hasVectors, type Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import { scoredRows } from "./answers.ts";
import { elasticSource } from "./elastic-source.ts";
import { tokenOutside } from "./errors.ts";
import { initialState } from "./initial-state.ts";
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
  if (data.vocab > spec.vocab) throw tokenOutside(data.vocab - 1, spec.vocab);
}

/** Numbers of scored positions for which a batch of text with prompts has a graph: each of the next multiple. */
const SCORED_SHAPES = 8;

/** The micro-batches of a run on text; of prompts in it no token is learned. */
function textSource(spec: Spec, training: TrainingOptions, split: TokenSplit): Source {
  const { batch: rows, microBatches, seed } = training;
  const { context } = spec;
  const unit = rows * Math.ceil(context / SCORED_SHAPES);
  return elasticSource(spec, training, (step, micro) => {
    const which = { split, context, batch: rows, seed, step, micro, microBatches };
    return {
      ...scoredRows({ ...batch(which), batch: rows, length: context }, unit),
      origin: () =>
        `windows ${batchWindows(which).join(", ")} of ${windowCount(split, context)}; window n begins at token ${context} n`,
    };
  });
}

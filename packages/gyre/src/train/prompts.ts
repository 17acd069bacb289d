import type { Graph } from "../graph/types.ts";
import { trainingFlops } from "../models/describe.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import { scheduled } from "../tasks/curriculum.ts";
import { promptInputs } from "../tasks/inputs.ts";
import type { PromptTask } from "../tasks/task.ts";
import { initialState } from "./initial-state.ts";
import { promptStepGraph } from "./objectives/prompts.ts";
import { optimise, type Progress, type Source, type TrainEvent } from "./optimise.ts";
import { type PromptTraining, type PromptTrainingInput, parsePromptTraining } from "./prompt-options.ts";

export interface PromptRun extends Progress {
  readonly spec: Spec;
  readonly training: PromptTrainingInput;
  readonly task: PromptTask;
  /** Where to go on; fresh weights by default. It is changed in place. */
  readonly state?: TrainState | undefined;
}

/**
 * Trains a model on fresh prompts of a task; see `optimise`. Prompts and curriculum are pure functions of (seed,
 * step). A step event notes the points, dims, loops and window of its step; its loss has no parts. Throws LAB_OPTIONS,
 * TRAIN_NOT_FINITE, LAB_READING, CONTEXT.
 */
export async function* trainPrompts(run: PromptRun): AsyncGenerator<TrainEvent, TrainState> {
  const { spec, task } = run;
  const training = parsePromptTraining(run.training, spec, task);
  const { state = initialState(spec, training.seed) } = run;
  return yield* optimise({
    ...run,
    options: training,
    source: promptSource({ spec, training, task }),
    state,
  });
}

/** The micro-batches of a run on prompts; every shape (tokens, readings, loops) has one graph. */
export function promptSource({
  spec,
  training,
  task,
}: {
  readonly spec: Spec;
  readonly training: PromptTraining;
  readonly task: Pick<PromptTask, "draw">;
}): Source {
  const { seed, batch, noise, recompute } = training;
  const graphs = new Map<string, Graph>();
  return (step, micro) => {
    const { points, dims, loops, window, backprop } = promptStage(training, step);
    const stream = `train ${step} ${micro}`;
    const prompts = task.draw({ seed, stream, batch, points, dims, noise });
    const shape = { batch, tokens: prompts.length, readAt: prompts.readAt, loops };
    const key = `${shape.tokens} ${shape.readAt.join()} ${loops}`;
    const graph = graphs.get(key) ?? promptStepGraph(spec, shape, { window, backprop, recompute });
    graphs.set(key, graph);
    const tokens = batch * prompts.length;
    return {
      graph,
      inputs: promptInputs(prompts),
      origin: () => `${batch} prompts of seed ${seed}, stream "${stream}"`,
      tokens,
      flops: promptFlops(spec, tokens, loops, backprop),
      noted: { points, dims, loops, window },
    };
  };
}

/** Where the curriculum stands at an optimizer step, from 0. */
export function promptStage(training: PromptTraining, step: number) {
  const loops = scheduled(training.loops, step);
  const window = Math.min(training.window, loops);
  return {
    points: scheduled(training.points, step),
    dims: scheduled(training.dims, step),
    loops,
    window,
    backprop: Math.min(training.backprop ?? window, loops),
  };
}

/** FLOPs of the forward pass of all loops, and of the backward pass of those that gradients reach. */
export function promptFlops(spec: Spec, tokens: number, loops: number, backprop: number): number {
  return (trainingFlops(spec, loops, tokens) + 2 * trainingFlops(spec, backprop, tokens)) / 3;
}

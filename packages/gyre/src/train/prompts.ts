import type { Graph } from "../graph/types.ts";
import { trainingFlops } from "../models/describe.ts";
import type { Spec } from "../models/spec.ts";
import { scheduled } from "../tasks/curriculum.ts";
import type { Prompts, PromptTask } from "../tasks/task.ts";
import type { Tensor } from "../util/tensor.ts";
import { promptStepGraph } from "./objectives/prompts.ts";
import { type Optimisation, optimise, type Source, type TrainEvent, type TrainState } from "./optimise.ts";
import type { PromptTraining } from "./prompt-options.ts";

export interface PromptRun extends Omit<Optimisation, "training" | "source"> {
  readonly training: PromptTraining;
  readonly task: Pick<PromptTask, "draw">;
}

/**
 * Trains a model on fresh prompts of a task; see `optimise`. Prompts and curriculum are pure functions of (seed,
 * step). A step event's `curriculum` has the points, dims, loops and window of its step. Throws TRAIN_NOT_FINITE,
 * LAB_MODEL, LAB_READING, CONTEXT.
 */
export function trainPrompts(run: PromptRun): AsyncGenerator<TrainEvent, TrainState> {
  return optimise({ ...run, source: promptSource(run) });
}

/** The micro-batches of a run on prompts; every shape (tokens, readings, loops) has one graph. */
export function promptSource({
  spec,
  training,
  task,
}: Pick<PromptRun, "spec" | "training" | "task">): Source {
  const { seed, batch, noise, recompute } = training;
  const graphs = new Map<string, Graph>();
  return (step, micro) => {
    const [points, dims, loops] = [training.points, training.dims, training.loops].map((schedule) =>
      scheduled(schedule, step),
    ) as [number, number, number];
    const window = Math.min(training.window, loops);
    const backprop = Math.min(training.backprop ?? window, loops);
    const prompts = task.draw({ seed, stream: `train ${step} ${micro}`, batch, points, dims, noise });
    const shape = { batch, tokens: prompts.length, readAt: prompts.readAt, loops };
    const key = `${shape.tokens} ${shape.readAt.join()} ${loops}`;
    const graph = graphs.get(key) ?? promptStepGraph(spec, shape, { window, backprop, recompute });
    graphs.set(key, graph);
    const tokens = batch * prompts.length;
    return {
      graph,
      inputs: promptInputs(prompts),
      tokens,
      flops: stepFlops(spec, tokens, loops, backprop),
      curriculum: { points, dims, loops, window },
    };
  };
}

/** The forward pass of all loops, and the backward pass of those that gradients reach. */
function stepFlops(spec: Spec, tokens: number, loops: number, backprop: number): number {
  return (trainingFlops(spec, loops, tokens) + 2 * trainingFlops(spec, backprop, tokens)) / 3;
}

/** The inputs of a graph over prompts. */
export function promptInputs({
  tokens,
  targets,
  batch,
  length,
  width,
  outputs,
  readAt,
}: Prompts): [string, Tensor][] {
  return [
    ["prompts", { data: tokens, shape: [batch, length, width] }],
    ["targets", { data: targets, shape: [batch, readAt.length, outputs] }],
  ];
}

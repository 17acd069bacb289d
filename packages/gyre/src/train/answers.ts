import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import { difficultyAt } from "../tasks/curriculum.ts";
import type { TokenBatch, TokenTask } from "../tasks/task.ts";
import type { Tensor } from "../util/tensor.ts";
import { type AnswerTraining, type AnswerTrainingInput, parseAnswerTraining } from "./answer-options.ts";
import { elasticSource, type Rows } from "./elastic-source.ts";
import { initialState } from "./initial-state.ts";
import { optimise, type Progress, type Source, type TrainEvent } from "./optimise.ts";

export interface AnswerRun extends Progress {
  readonly spec: Spec;
  readonly training: AnswerTrainingInput;
  readonly task: TokenTask;
  /** Where to go on; fresh weights by default. It is changed in place. */
  readonly state?: TrainState | undefined;
}

/**
 * Trains a model on the answers of a task, whose held-out problems it never sees; see `optimise`. Problems and
 * trajectories are pure functions of (seed, step). Events are those of `train`. Throws TRAIN_OPTIONS and
 * TRAIN_NOT_FINITE.
 *
 * @example
 * const task = tokenTaskNamed("words", "S3");
 * const spec = loopformer({ vocab: task.vocabulary.length, context: 24, width: 64, heads: 4, layers: 1, loops: 8 });
 * for await (const event of trainAnswers({ spec, training: { steps: 100 }, runtime, task }))
 *   if (event.type === "step") console.log(event.step, event.parts.long);
 */
export async function* trainAnswers(run: AnswerRun): AsyncGenerator<TrainEvent, TrainState> {
  const { spec, task } = run;
  const training = parseAnswerTraining(run.training, spec, task);
  const { state = initialState(spec, training.seed, training.initStd) } = run;
  return yield* optimise({ ...run, options: training, source: answerSource(spec, training, task), state });
}

/** The micro-batches of a run on answers. */
export function answerSource(spec: Spec, training: AnswerTraining, task: Pick<TokenTask, "draw">): Source {
  const { seed, batch, easiest, hardest } = training;
  const range = { difficulty: { usual: { from: easiest } } };
  return elasticSource(spec, training, (step, micro) => {
    const difficulty = difficultyAt(range, hardest, step);
    const stream = `train ${step} ${micro}`;
    const rows = scoredRows(task.draw({ seed, stream, batch, difficulty }));
    return { ...rows, origin: () => `${batch} problems of seed ${seed}, stream "${stream}"` };
  });
}

/**
 * What a step reads of a batch: tokens, and the scored positions with an equal share of every mean. Their number is
 * filled up to a multiple of `unit`, the batch by default, with rows of no share, so that few shapes serve all batches. Where every
 * position is scored, all are read out where they are.
 */
export function scoredRows(
  { tokens, targets, batch, length }: Omit<TokenBatch, "difficulties">,
  unit = batch,
): Rows {
  const positions = [...targets.keys()].filter((at) => (targets[at] as number) >= 0);
  const shape = [batch, length];
  if (positions.length === targets.length) {
    const inputs = { tokens: { data: tokens, shape }, targets: { data: targets, shape } };
    return { inputs: Object.entries(inputs), length };
  }
  const scored = Math.max(1, Math.ceil(positions.length / unit)) * unit;
  const [scoredAt, own] = [new Int32Array(scored), new Int32Array(scored)];
  const shares = new Float32Array(scored);
  for (const [row, at] of positions.entries()) {
    scoredAt[row] = at;
    own[row] = targets[at] as number;
    shares[row] = 1 / positions.length;
  }
  const inputs: [string, Tensor][] = [
    ["tokens", { data: tokens, shape }],
    ["scoredAt", { data: scoredAt, shape: [scored] }],
    ["targets", { data: own, shape: [scored] }],
    ["shares", { data: shares, shape: [scored] }],
  ];
  return { inputs, length, scored };
}

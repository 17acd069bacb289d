import type { Spec } from "../../src/models/spec.ts";
import type { TrainState } from "../../src/optim/state.ts";
import type { StepEvent, TrainEvent } from "../../src/train/optimise.ts";
import { parseTraining, type TrainingInput } from "../../src/train/options.ts";
import { type TrainRun, train } from "../../src/train/text.ts";
import type { Tensor } from "../../src/util/tensor.ts";

/** Options of a run of a few steps; `changes` win. */
export const options = (spec: Spec, changes: Partial<TrainingInput>) =>
  parseTraining({ steps: 4, batch: 2, warmupSteps: 0, objective: { kind: "final" }, ...changes }, spec);

/** All events of a run, and the state that it returns. */
export async function trained(run: TrainRun): Promise<{ events: TrainEvent[]; state: TrainState }> {
  const events: TrainEvent[] = [];
  const going = train(run);
  for (;;) {
    const next = await going.next();
    if (next.done) return { events, state: next.value };
    events.push(next.value);
  }
}

export const stepsOf = (events: readonly TrainEvent[]) =>
  events.filter((event): event is StepEvent => event.type === "step");

/** A state that shares no memory with `state`. */
export function copyOf({ step, weights, moments, ema }: TrainState): TrainState {
  const copy = (tensors: ReadonlyMap<string, Tensor<Float32Array>>) =>
    new Map([...tensors].map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]));
  return {
    step,
    weights: copy(weights),
    moments: { first: copy(moments.first), second: copy(moments.second) },
    ...(ema ? { ema: copy(ema) } : {}),
  };
}

/** Weights, moments and moving averages as hexadecimal digits, to be compared bit for bit. */
export const bytesOf = ({ weights, moments, ema = new Map() }: TrainState) =>
  [weights, moments.first, moments.second, ema].map((tensors) =>
    Object.fromEntries(
      [...tensors].map(([name, { data: x }]) => [name, Buffer.from(x.buffer).toString("hex")]),
    ),
  );

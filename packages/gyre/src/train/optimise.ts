import type { Graph } from "../graph/types.ts";
import { initialWeights } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import { type AdamWState, clipScale, globalNorm, initAdamW, updateAdamW } from "../optim/adamw.ts";
import { warmupCosine } from "../optim/schedule.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import { nonFinite } from "./errors.ts";
import type { TrainingOptions } from "./options.ts";

/** Everything that training changes; with the options it decides the rest of the run, bit for bit. */
export interface TrainState {
  /** Optimizer steps done. */
  step: number;
  readonly weights: Weights;
  readonly moments: AdamWState;
}

/** What one forward and backward pass computes, and from which numbers besides the weights. */
export interface MicroBatch {
  /** Outputs `loss` and `grad/NAME`, and the parts of the loss where it has some; one object for equal shapes. */
  readonly graph: Graph;
  readonly inputs: Iterable<readonly [string, Tensor]>;
  readonly tokens: number;
  readonly flops: number;
  readonly shortLoops?: number | undefined;
  readonly curriculum?: Readonly<Record<string, number>>;
}

/** Data and objective of a run: a pure function of the optimizer step and the micro-batch, both from 0. */
export type Source = (step: number, micro: number) => MicroBatch;

export interface Optimisation {
  readonly spec: Spec;
  readonly training: Omit<TrainingOptions, "objective" | "sampler">;
  readonly runtime: Runtime;
  readonly source: Source;
  /** Where to go on; a fresh state by default. It is changed in place. */
  readonly state?: TrainState | undefined;
  /** Called every `checkpointEvery` steps and at the end, and when `signal` stops the run. */
  readonly save?: ((state: TrainState) => Promise<void>) | undefined;
  readonly checkpointEvery?: number | undefined;
  /** Ends the run after the step under way, with its state saved. */
  readonly signal?: AbortSignal | undefined;
}

export type TrainEvent =
  | { readonly type: "start"; readonly step: number; readonly steps: number }
  /** The first step is about to run. */
  | { readonly type: "compiled"; readonly step: number; readonly elapsedMs: number }
  | {
      readonly type: "step";
      /** Optimizer steps done. */
      readonly step: number;
      readonly loss: number;
      readonly lossLong: number;
      readonly lossShort: number | undefined;
      readonly consistency: number | undefined;
      readonly gradientNorm: number;
      readonly learningRate: number;
      readonly shortLoops: readonly number[];
      /** Where the curriculum stands, in a run that has one. */
      readonly curriculum?: Readonly<Record<string, number>>;
      readonly tokens: number;
      readonly flops: number;
      readonly elapsedMs: number;
    }
  | { readonly type: "checkpoint"; readonly step: number }
  | { readonly type: "end"; readonly step: number; readonly reason: "done" | "stopped" };

/** A state with fresh weights and zero moments. */
export function initialState(spec: Spec, seed: number): TrainState {
  const weights = initialWeights(spec, seed);
  return { step: 0, weights, moments: initAdamW(weights) };
}

/**
 * The training loop: an async iterable of events, so that logging is the caller's. Nothing but the state and the
 * step decides a step, so a run that goes on from a saved state equals one that never stopped. Throws
 * TRAIN_NOT_FINITE, which names the step and the last good checkpoint.
 */
export async function* optimise(run: Optimisation): AsyncGenerator<TrainEvent, TrainState> {
  const { spec, training, source, save, signal, checkpointEvery = 100 } = run;
  const state = run.state ?? initialState(spec, training.seed);
  let saved = state.step > 0 ? state.step : undefined;
  const checkpoint = async () => {
    await save?.(state);
    saved = state.step;
  };
  yield { type: "start", step: state.step, steps: training.steps };
  if (state.step < training.steps && !signal?.aborted) {
    const started = performance.now();
    await compiled(run, source(state.step, 0).graph);
    yield { type: "compiled", step: state.step, elapsedMs: performance.now() - started };
  }
  while (state.step < training.steps && !signal?.aborted) {
    yield await optimizerStep(run, state, saved);
    if (save && state.step % checkpointEvery === 0 && state.step < training.steps) {
      await checkpoint();
      yield { type: "checkpoint", step: state.step };
    }
  }
  if (save && saved !== state.step) {
    await checkpoint();
    yield { type: "checkpoint", step: state.step };
  }
  yield { type: "end", step: state.step, reason: state.step < training.steps ? "stopped" : "done" };
  return state;
}

/** The program of a step's graph; a runtime compiles each once. */
const compiled = ({ runtime, training }: Optimisation, graph: Graph): Promise<Program> =>
  runtime.compile(graph, { buffers: 1, lean: training.recompute });

async function optimizerStep(run: Optimisation, state: TrainState, saved: number | undefined) {
  const { training, source } = run;
  const { microBatches, clip } = training;
  const started = performance.now();
  const sums = new Map<string, Float32Array>();
  const parts = { loss: 0, "loss/long": 0, "loss/short": 0, "loss/consistency": 0 };
  const shortLoops: number[] = [];
  let [flops, tokens] = [0, 0];
  let curriculum: MicroBatch["curriculum"];
  for (let micro = 0; micro < microBatches; micro++) {
    const pass = source(state.step, micro);
    const program = await compiled(run, pass.graph);
    const outputs = await program.run(new Map([...state.weights, ...pass.inputs]));
    const part = (name: string) => outputs.get(name)?.data[0] ?? 0;
    parts.loss += part("loss") / microBatches;
    parts["loss/long"] += part(outputs.has("loss/long") ? "loss/long" : "loss") / microBatches;
    parts["loss/short"] += part("loss/short") / microBatches;
    parts["loss/consistency"] += part("loss/consistency") / microBatches;
    if (pass.shortLoops !== undefined) shortLoops.push(pass.shortLoops);
    flops += pass.flops;
    tokens += pass.tokens;
    curriculum = pass.curriculum;
    accumulate(sums, outputs, micro, microBatches);
  }
  const gradientNorm = globalNorm(sums.values()) / microBatches;
  const step = state.step + 1;
  if (!Number.isFinite(parts.loss)) throw nonFinite(step, "the loss", parts.loss, saved);
  if (!Number.isFinite(gradientNorm)) throw nonFinite(step, "the gradient norm", gradientNorm, saved);

  const learningRate = learningRateAt(training, state.step);
  const gradientScale = clipScale(gradientNorm, clip) / microBatches;
  const gradient = (name: string) => sums.get(name) as Float32Array;
  updateAdamW(state.weights, gradient, state.moments, { ...training, learningRate, step, gradientScale });
  state.step = step;
  const hasShort = shortLoops.length > 0;
  return {
    type: "step",
    step,
    loss: parts.loss,
    lossLong: parts["loss/long"],
    lossShort: hasShort ? parts["loss/short"] : undefined,
    consistency: hasShort ? parts["loss/consistency"] : undefined,
    gradientNorm,
    learningRate,
    shortLoops,
    ...(curriculum ? { curriculum } : {}),
    tokens,
    flops,
    elapsedMs: performance.now() - started,
  } as const;
}

function learningRateAt(training: Optimisation["training"], step: number): number {
  const { learningRate: peak, learningRateFloor: floor, warmupSteps, steps: totalSteps } = training;
  return warmupCosine({ peak, floor, warmupSteps, totalSteps }, step);
}

/** Adds the gradients of one micro-batch; a single one is used in place. */
function accumulate(
  sums: Map<string, Float32Array>,
  outputs: ReadonlyMap<string, Tensor>,
  micro: number,
  microBatches: number,
): void {
  for (const [output, { data }] of outputs) {
    if (!output.startsWith("grad/")) continue;
    const name = output.slice("grad/".length);
    const gradient = data as Float32Array;
    const sum = sums.get(name);
    if (micro === 0) sums.set(name, microBatches === 1 ? gradient : gradient.slice());
    else
      for (let index = 0; sum && index < sum.length; index++)
        sum[index] = (sum[index] as number) + (gradient[index] as number);
  }
}

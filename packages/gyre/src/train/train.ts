import { batch, type TokenSplit } from "../data/index.ts";
import type { Graph } from "../graph/types.ts";
import { trainingFlops } from "../models/describe.ts";
import { initialWeights } from "../models/parameters.ts";
import { conditions, type Spec } from "../models/spec.ts";
import { sampleUnits } from "../models/trajectories.ts";
import {
  type AdamWState,
  clipScale,
  globalNorm,
  initAdamW,
  updateAdamW,
  type Weights,
} from "../optim/adamw.ts";
import { warmupCosine } from "../optim/schedule.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { rng } from "../util/rng.ts";
import type { Tensor } from "../util/tensor.ts";
import { nonFinite, tokenOutside } from "./errors.ts";
import { SHORT_ROUTE, stepGraph } from "./objective.ts";
import type { TrainingOptions } from "./options.ts";

/** Everything that training changes; with the options it decides the rest of the run, bit for bit. */
export interface TrainState {
  /** Optimizer steps done. */
  step: number;
  readonly weights: Weights;
  readonly moments: AdamWState;
}

export interface TrainRun {
  readonly spec: Spec;
  readonly training: TrainingOptions;
  readonly runtime: Runtime;
  readonly data: TokenSplit;
  /** Where to go on; a fresh state by default. It is changed in place. */
  readonly state?: TrainState;
  /** Called every `checkpointEvery` steps and at the end, and when `signal` stops the run. */
  readonly save?: (state: TrainState) => Promise<void>;
  readonly checkpointEvery?: number;
  /** Ends the run after the step under way, with its state saved. */
  readonly signal?: AbortSignal;
}

export type TrainEvent =
  | { readonly type: "start"; readonly step: number; readonly steps: number }
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
 * Trains a model: an async iterable of events, so that logging is the caller's. Batches and trajectories are
 * pure functions of (seed, step), so a run that goes on from a saved state equals one that never stopped.
 * Throws TRAIN_DATA, and TRAIN_NOT_FINITE, which names the step and the last good checkpoint.
 */
export async function* train(run: TrainRun): AsyncGenerator<TrainEvent, TrainState> {
  const { spec, training, save, signal, checkpointEvery = 100 } = run;
  const state = run.state ?? initialState(spec, training.seed);
  let saved = state.step > 0 ? state.step : undefined;
  const checkpoint = async () => {
    await save?.(state);
    saved = state.step;
  };
  const largest = (run.data.tokens as Uint32Array).reduce((most, token) => Math.max(most, token), 0);
  if (largest >= spec.vocab) throw tokenOutside(largest, spec.vocab);
  const graphs: StepGraphs = new Map();
  yield { type: "start", step: state.step, steps: training.steps };
  while (state.step < training.steps && !signal?.aborted) {
    yield await trainStep(run, state, graphs, saved);
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

/** Step graphs by the number of loops of the short run; a runtime compiles each graph once. */
type StepGraphs = Map<number | undefined, Graph>;

async function trainStep(run: TrainRun, state: TrainState, graphs: StepGraphs, saved: number | undefined) {
  const { spec, training } = run;
  const { microBatches, clip } = training;
  const started = performance.now();
  const sums = new Map<string, Float32Array>();
  const parts = { loss: 0, "loss/long": 0, "loss/short": 0, "loss/consistency": 0 };
  const shortLoops: number[] = [];
  let flops = 0;
  for (let micro = 0; micro < microBatches; micro++) {
    const { outputs, short, flops: spent } = await runMicroBatch(run, state, graphs, micro);
    for (const name of Object.keys(parts) as (keyof typeof parts)[]) {
      parts[name] += (outputs.get(name)?.data[0] ?? 0) / microBatches;
    }
    if (short !== undefined) shortLoops.push(short);
    flops += spent;
    accumulate(sums, outputs, micro, microBatches);
  }
  const gradient = (name: string) => sums.get(name) as Float32Array;
  const gradientNorm = globalNorm(sums.values()) / microBatches;
  const step = state.step + 1;
  if (!Number.isFinite(parts.loss)) throw nonFinite(step, "the loss", parts.loss, saved);
  if (!Number.isFinite(gradientNorm)) throw nonFinite(step, "the gradient norm", gradientNorm, saved);

  const schedule = {
    peak: training.learningRate,
    floor: training.learningRateFloor,
    warmupSteps: training.warmupSteps,
    totalSteps: training.steps,
  };
  const learningRate = warmupCosine(schedule, state.step);
  const gradientScale = clipScale(gradientNorm, clip) / microBatches;
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
    tokens: training.batch * microBatches * spec.context,
    flops,
    elapsedMs: performance.now() - started,
  } as const;
}

async function runMicroBatch(
  { spec, training, runtime, data }: TrainRun,
  state: TrainState,
  graphs: StepGraphs,
  micro: number,
) {
  const { batch: rows, microBatches, seed, objective, recompute } = training;
  const shape = [rows, spec.context];
  const units =
    objective.kind === "elastic"
      ? sampleUnits(training.sampler, spec.loops, rng(seed, "trajectory", state.step, micro))
      : undefined;
  const { tokens, targets } = batch({
    split: data,
    context: spec.context,
    batch: rows,
    seed,
    step: state.step,
    micro,
    microBatches,
  });
  const inputs = new Map<string, Tensor>([
    ...state.weights,
    ["tokens", { data: tokens, shape }],
    ["targets", { data: targets, shape }],
  ]);
  addRoute(inputs, "", conditions(spec, spec.loops));
  const ownRoute = spec.conditioning === "time";
  if (units && ownRoute)
    addRoute(
      inputs,
      SHORT_ROUTE,
      conditions(
        spec,
        units.map((unit) => unit / spec.loops),
      ),
    );

  const stepShape = {
    batch: rows,
    tokens: spec.context,
    loops: spec.loops,
    ...(units ? { shortLoops: units.length } : {}),
  };
  const graph =
    graphs.get(units?.length) ?? stepGraph(spec, objective, stepShape, { recompute, ...tuning(spec) });
  graphs.set(units?.length, graph);
  const program = await runtime.compile(graph, { buffers: 1, lean: recompute });
  const outputs = await program.run(inputs);
  const count = rows * spec.context;
  const shortFlops = units && ownRoute ? trainingFlops(spec, units.length, count) : 0;
  return { outputs, short: units?.length, flops: trainingFlops(spec, spec.loops, count) + shortFlops };
}

/** Block sizes that proved fast; they change the order of sums, never the mathematics. */
export function tuning(spec: Spec): { readonly tile: number; readonly logitRows: number } {
  return { tile: Math.min(spec.context, 128), logitRows: 1024 };
}

function addRoute(
  inputs: Map<string, Tensor>,
  route: string,
  { loops, t, dt }: ReturnType<typeof conditions>,
): void {
  inputs.set(`${route}t`, { data: t, shape: [loops] });
  inputs.set(`${route}dt`, { data: dt, shape: [loops] });
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

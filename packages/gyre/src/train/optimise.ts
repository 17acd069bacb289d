import type { Graph } from "../graph/types.ts";
import { clipScale, globalNorm, updateAdamW } from "../optim/adamw.ts";
import type { TrainState } from "../optim/state.ts";
import { warmupCosine } from "../optim/warmup-cosine.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import type { Tensor } from "../util/tensor.ts";
import { nonFinite } from "./errors.ts";
import type { OptimiserOptions } from "./options.ts";

/** What one forward and backward pass computes, and from which numbers besides the weights. */
export interface MicroBatch {
  /** Outputs `loss`, `loss/PART` for each of its parts, `grad/NAME` for each weight; one object for equal shapes. */
  readonly graph: Graph;
  readonly inputs: Iterable<readonly [string, Tensor]>;
  readonly tokens: number;
  readonly flops: number;
  /** What a step event should say about this micro-batch, by name. */
  readonly noted?: Readonly<Record<string, number>>;
}

/** Data and objective of a run: a pure function of the optimizer step and the micro-batch, both from 0. */
export type Source = (step: number, micro: number) => MicroBatch;

/** How a run goes, whatever it is trained on. */
export interface Progress {
  readonly runtime: Runtime;
  /** Called every `checkpointEvery` steps and at the end, and when `signal` stops the run. */
  readonly save?: ((state: TrainState) => Promise<void>) | undefined;
  readonly checkpointEvery?: number | undefined;
  /** Ends the run after the step under way, with its state saved. */
  readonly signal?: AbortSignal | undefined;
}

export interface Optimisation extends Progress {
  readonly options: OptimiserOptions;
  readonly source: Source;
  /** Where to begin or to go on; it is changed in place. */
  readonly state: TrainState;
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
      /** Parts of the loss by name, before their weights; the first is what evaluation measures. */
      readonly parts: Readonly<Record<string, number>>;
      readonly gradientNorm: number;
      readonly learningRate: number;
      /** What the source noted, a number for each micro-batch. */
      readonly noted: Readonly<Record<string, readonly number[]>>;
      readonly tokens: number;
      readonly flops: number;
      readonly elapsedMs: number;
    }
  | { readonly type: "checkpoint"; readonly step: number }
  | { readonly type: "end"; readonly step: number; readonly reason: "done" | "stopped" };
export type StepEvent = Extract<TrainEvent, { readonly type: "step" }>;

/**
 * The training loop: an async iterable of events, so that logging is the caller's. Nothing but the state and the
 * step decides a step, so a run that goes on from a saved state equals one that never stopped. Throws
 * TRAIN_NOT_FINITE, which names the step and the last good checkpoint.
 */
export async function* optimise(run: Optimisation): AsyncGenerator<TrainEvent, TrainState> {
  const { options, source, state, save, signal, checkpointEvery = 100 } = run;
  const isOver = () => state.step >= options.steps || signal?.aborted === true;
  let saved = state.step;
  const checkpoint = async (): Promise<TrainEvent> => {
    await save?.(state);
    saved = state.step;
    return { type: "checkpoint", step: saved };
  };
  yield { type: "start", step: state.step, steps: options.steps };
  if (!isOver()) {
    const started = performance.now();
    await compiled(run, source(state.step, 0).graph);
    yield { type: "compiled", step: state.step, elapsedMs: performance.now() - started };
  }
  while (!isOver()) {
    yield await optimizerStep(run, saved);
    if (save && state.step % checkpointEvery === 0 && state.step < options.steps) yield await checkpoint();
  }
  if (save && saved !== state.step) yield await checkpoint();
  yield { type: "end", step: state.step, reason: state.step < options.steps ? "stopped" : "done" };
  return state;
}

/** The program of a step's graph; a runtime compiles each once. */
const compiled = ({ runtime, options }: Optimisation, graph: Graph): Promise<Program> =>
  runtime.compile(graph, { buffers: 1, lean: options.recompute });

async function optimizerStep(run: Optimisation, saved: number): Promise<StepEvent> {
  const { options, source, state } = run;
  const { microBatches, clip } = options;
  const started = performance.now();
  const sums = new Map<string, Float32Array>();
  const parts = new Map<string, number>();
  const noted: Record<string, number[]> = {};
  let [loss, flops, tokens] = [0, 0, 0];
  for (let micro = 0; micro < microBatches; micro++) {
    const pass = source(state.step, micro);
    const program = await compiled(run, pass.graph);
    const outputs = await program.run(new Map([...state.weights, ...pass.inputs]));
    loss += numberIn(outputs, "loss") / microBatches;
    for (const part of partsOf(pass.graph))
      parts.set(part, (parts.get(part) ?? 0) + numberIn(outputs, `loss/${part}`) / microBatches);
    for (const [name, value] of Object.entries(pass.noted ?? {}))
      noted[name] = [...(noted[name] ?? []), value];
    flops += pass.flops;
    tokens += pass.tokens;
    accumulate(sums, outputs, micro, microBatches);
  }
  const gradientNorm = globalNorm(sums.values()) / microBatches;
  const step = state.step + 1;
  if (!Number.isFinite(loss)) throw nonFinite(step, "the loss", loss, saved);
  if (!Number.isFinite(gradientNorm)) throw nonFinite(step, "the gradient norm", gradientNorm, saved);

  const learningRate = learningRateAt(options, state.step);
  const gradientScale = clipScale(gradientNorm, clip) / microBatches;
  const gradient = (name: string) => sums.get(name) as Float32Array;
  updateAdamW(state.weights, gradient, state.moments, { ...options, learningRate, step, gradientScale });
  state.step = step;
  const elapsedMs = performance.now() - started;
  const measured = { loss, parts: Object.fromEntries(parts), gradientNorm, learningRate };
  return { type: "step", step, ...measured, noted, tokens, flops, elapsedMs };
}

const numberIn = (outputs: ReadonlyMap<string, Tensor>, name: string): number =>
  outputs.get(name)?.data[0] ?? 0;

/** The names of the parts of a graph's loss. */
const partsOf = ({ outputs }: Graph): string[] =>
  [...outputs.keys()].filter((name) => name.startsWith("loss/")).map((name) => name.slice("loss/".length));

function learningRateAt(options: OptimiserOptions, step: number): number {
  const { learningRate: peak, learningRateFloor: floor, warmupSteps, steps: totalSteps } = options;
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

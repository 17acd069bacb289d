import type { Graph } from "../graph/types.ts";
import { clipScale, globalNorm, updateAdamW } from "../optim/adamw.ts";
import { startEma, updateEma } from "../optim/ema.ts";
import { learningRateAt } from "../optim/learning-rate.ts";
import type { TrainState } from "../optim/state.ts";
import { broadcastJson, ranksWhere, requireSameWeights } from "../ranks/agreement.ts";
import { alone, type Collective, shareOf } from "../ranks/collective.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import { type Spike, SpikeWatch } from "../util/spikes.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import { badTraining, nonFinite, ranksUneven } from "./errors.ts";
import { Exchange, type Measured, type StepSums } from "./exchange.ts";
import { Muon, muonNames } from "./muon.ts";
import type { OptimiserOptions } from "./options.ts";

/** What one forward and backward pass computes, and from which numbers besides the weights. */
export interface MicroBatch {
  /** Outputs `loss`, `loss/PART` for each of its parts, `grad/NAME` for each weight; one object for equal shapes. */
  readonly graph: Graph;
  readonly inputs: Iterable<readonly [string, Tensor]>;
  readonly tokens: number;
  readonly flops: number;
  /** Which part of the data it reads, in words: for warnings and errors. */
  readonly origin?: () => string;
  /** What a step event should say about this micro-batch, by name. */
  readonly noted?: Readonly<Record<string, number>>;
}

/** Data and objective of a run: a pure function of the optimizer step and the micro-batch, both from 0. */
export type Source = (step: number, micro: number) => MicroBatch;

/** How a run goes, whatever it is trained on. */
export interface Progress {
  readonly runtime: Runtime;
  /** Called every `checkpointEvery` steps (100; of ranks, rank 0 says) and at the end, and when `signal` stops the run. */
  readonly save?: ((state: TrainState) => Promise<void>) | undefined;
  readonly checkpointEvery?: number | undefined;
  /** Ends the run after the step under way, with its state saved; on any rank, it ends the run of all. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The processes that train this run together, each its share of a step's micro-batches; this one alone by
   * default. All pass the same state and options, and only one of them `save`.
   */
  readonly ranks?: Collective | undefined;
}

export interface Optimisation extends Progress {
  readonly options: OptimiserOptions;
  readonly source: Source;
  /** Where to begin or to go on; it is changed in place. */
  readonly state: TrainState;
}

/** What the training loop tells as it goes. */
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
  /** The step before this event was far from the ones before it; `origin` says what it read. Told once in a while. */
  | ({ readonly type: "spike"; readonly step: number; readonly origin: string } & Spike)
  | { readonly type: "checkpoint"; readonly step: number }
  | { readonly type: "end"; readonly step: number; readonly reason: "done" | "stopped" };
/** What one optimizer step did. */
export type StepEvent = Extract<TrainEvent, { readonly type: "step" }>;

/** Steps between two checks that all ranks have the same weights; others come before a checkpoint. */
const STEPS_BETWEEN_CHECKS = 100;
/** Letters that say what a step read. */
const MOST_ORIGIN = 300;

/**
 * The training loop: an async iterable of events, so that logging is the caller's. Nothing but the state and the
 * step decides a step, so a run that goes on from a saved state equals one that never stopped. Ranks share a step's
 * micro-batches and all make its update; a signal to any of them stops all after the same step. Throws TRAIN_NOT_FINITE, which
 * names the step, what it read and the last good checkpoint, TRAIN_OPTIONS, RANKS_UNEVEN, and RANKS_DIFFER where a rank's weights are not those of rank 0.
 */
export async function* optimise(run: Optimisation): AsyncGenerator<TrainEvent, TrainState> {
  const { options, source, state, save, signal, ranks = alone } = run;
  requireEqualShares(options.microBatches, ranks);
  const checkpointEvery = await broadcastJson(ranks, run.checkpointEvery ?? 100);
  beginEma(options, state);
  const exchange = new Exchange(ranks);
  const isOver = async () =>
    state.step >= options.steps || (await ranksWhere(ranks, signal?.aborted === true)).length > 0;
  const requireAgreement = () => requireSameWeights(ranks, `after step ${state.step}`, state.weights);
  let saved = state.step;
  const checkpoint = async (): Promise<TrainEvent> => {
    await save?.(state);
    saved = state.step;
    return { type: "checkpoint", step: saved };
  };
  yield { type: "start", step: state.step, steps: options.steps };
  await requireAgreement();
  if (!(await isOver())) {
    const started = performance.now();
    await compiled(run, source(state.step, 0).graph);
    yield { type: "compiled", step: state.step, elapsedMs: performance.now() - started };
  }
  const watch = new SpikeWatch();
  const update = updateOf(run);
  while (!(await isOver())) {
    const done = await optimizerStep(run, { exchange, update, saved });
    yield done;
    const spike = watch.next({ ...done, loss: Object.values(done.parts)[0] ?? done.loss });
    if (spike) yield { type: "spike", step: state.step, ...spike, origin: originOf(run, state.step - 1) };
    const isTimeToSave = state.step % checkpointEvery === 0;
    if (isTimeToSave || state.step % STEPS_BETWEEN_CHECKS === 0) await requireAgreement();
    if (save && isTimeToSave && state.step < options.steps) yield await checkpoint();
  }
  await requireAgreement();
  if (save && saved !== state.step) yield await checkpoint();
  yield { type: "end", step: state.step, reason: state.step < options.steps ? "stopped" : "done" };
  return state;
}

/** Checks that every rank gets as many micro-batches of a step. Throws RANKS_UNEVEN. */
export function requireEqualShares(microBatches: number, { size }: Pick<Collective, "size">): void {
  if (microBatches % size !== 0) throw ranksUneven(microBatches, size);
}

/** Averages begin as the weights are; those of a state are moved on or not there. Throws TRAIN_OPTIONS. */
function beginEma({ emaDecay }: OptimiserOptions, state: TrainState): void {
  if (emaDecay !== undefined) state.ema ??= startEma(state.weights);
  else if (state.ema)
    throw badTraining(["emaDecay: left out, where the state has moving averages of its weights"]);
}

/** The program of a step's graph; a runtime compiles each once. */
const compiled = ({ runtime, options }: Optimisation, graph: Graph): Promise<Program> =>
  runtime.compile(graph, { buffers: 1, lean: options.recompute });

/** Moves the weights by a step's gradients, times `gradientScale`. */
type Update = (
  gradient: (name: string) => Float32Array,
  now: { readonly learningRate: number; readonly step: number; readonly gradientScale: number },
) => Promise<void>;

/** AdamW for all weights, or Muon for the matrices of layers and AdamW for the others. */
function updateOf({ options, state: { weights, moments }, runtime }: Optimisation): Update {
  const { optimizer, muonLearningRate = 0.02, muonMomentum: momentum = 0.95, weightDecay } = options;
  const names = optimizer === "muon" ? muonNames(weights) : new Set<string>();
  const [matrices, others] = [true, false].map(
    (isMatrix): Weights => new Map([...weights].filter(([name]) => names.has(name) === isMatrix)),
  ) as [Weights, Weights];
  const muon = matrices.size > 0 ? new Muon(runtime, matrices) : undefined;
  return async (gradient, now) => {
    updateAdamW(others, gradient, moments, { ...options, ...now });
    const learningRate = muonLearningRate * (now.learningRate / options.learningRate);
    await muon?.update(gradient, moments.first, { ...now, learningRate, weightDecay, momentum });
  };
}

interface StepTools {
  readonly exchange: Exchange;
  readonly update: Update;
  /** The step that was saved last. */
  readonly saved: number;
}

async function optimizerStep(run: Optimisation, { exchange, update, saved }: StepTools): Promise<StepEvent> {
  const { options, state, ranks = alone } = run;
  const { microBatches, clip, emaDecay: decay } = options;
  const started = performance.now();
  const share = shareOf(microBatches, ranks);
  const own = await microBatchSums(run, share);
  const { gradients, measured } = await exchange.sum(own, { first: share[0] as number, microBatches });
  const { loss, parts, ...counts } = summaryOf(measured);
  const gradientNorm = globalNorm(gradients.values()) / microBatches;
  const step = state.step + 1;
  for (const [what, value] of Object.entries({ loss, "gradient norm": gradientNorm })) {
    if (Number.isFinite(value)) continue;
    const micro = measured.findIndex((one) => !Number.isFinite(one.get("loss")));
    const origin = originOf(run, state.step, micro < 0 ? undefined : micro);
    throw nonFinite({ step, what: `the ${what}`, value, checkpoint: saved, origin });
  }

  const learningRate = learningRateAt(options, state.step);
  const gradientScale = clipScale(gradientNorm, clip) / microBatches;
  const gradient = (name: string) => gradients.get(name) as Float32Array;
  await update(gradient, { learningRate, step, gradientScale });
  if (state.ema && decay !== undefined) updateEma(state.ema, state.weights, { decay, step });
  state.step = step;
  const elapsedMs = performance.now() - started;
  return { type: "step", step, loss, parts, gradientNorm, learningRate, ...counts, elapsedMs };
}

/** What a micro-batch of a step read, or all of them, in words; the beginning of it where it is much. */
function originOf({ source, options }: Optimisation, step: number, micro?: number): string {
  const all =
    micro === undefined ? Array.from({ length: options.microBatches }, (_, index) => index) : [micro];
  const name = (index: number) => (options.microBatches > 1 ? `micro-batch ${index + 1}: ` : "");
  const text = all.map((index) => `${name(index)}${source(step, index).origin?.() ?? ""}`).join("; ");
  return text.length > MOST_ORIGIN ? `${text.slice(0, MOST_ORIGIN)} ...` : text;
}

/** Gradients of some micro-batches of the step, added up, and what each of them measured. */
async function microBatchSums(run: Optimisation, share: readonly number[]): Promise<StepSums> {
  const { source, state } = run;
  const gradients = new Map<string, Float32Array>();
  const measured: Measured[] = [];
  for (const [index, micro] of share.entries()) {
    const pass = source(state.step, micro);
    const program = await compiled(run, pass.graph);
    const outputs = await program.run(new Map([...state.weights, ...pass.inputs]));
    measured.push(
      new Map([
        ["loss", numberIn(outputs, "loss")],
        ...partsOf(pass.graph).map((part) => [`loss/${part}`, numberIn(outputs, `loss/${part}`)] as const),
        ...Object.entries(pass.noted ?? {}).map(([name, value]) => [`noted/${name}`, value] as const),
        ["tokens", pass.tokens],
        ["flops", pass.flops],
      ]),
    );
    accumulate(gradients, outputs, index, share.length);
  }
  return { gradients, measured };
}

/** What a step event says of its micro-batches: means of losses, sums of counts, every number that was noted. */
function summaryOf(
  measured: readonly Measured[],
): Pick<StepEvent, "loss" | "parts" | "noted" | "tokens" | "flops"> {
  const all = (name: string) => measured.map((numbers) => numbers.get(name) as number);
  const mean = (name: string) => all(name).reduce((sum, value) => sum + value / measured.length, 0);
  const sum = (name: string) => all(name).reduce((total, value) => total + value, 0);
  const named = <Value>(prefix: string, value: (name: string) => Value): Record<string, Value> =>
    Object.fromEntries(
      [...(measured[0]?.keys() ?? [])]
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name.slice(prefix.length), value(name)]),
    );
  return {
    loss: mean("loss"),
    parts: named("loss/", mean),
    noted: named("noted/", all),
    tokens: sum("tokens"),
    flops: sum("flops"),
  };
}

const numberIn = (outputs: ReadonlyMap<string, Tensor>, name: string): number =>
  outputs.get(name)?.data[0] ?? 0;

/** The names of the parts of a graph's loss. */
const partsOf = ({ outputs }: Graph): string[] =>
  [...outputs.keys()].filter((name) => name.startsWith("loss/")).map((name) => name.slice("loss/".length));

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

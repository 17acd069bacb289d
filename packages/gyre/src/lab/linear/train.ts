import { momentGraph } from "../../models/linear.ts";
import { startFrom } from "../../optim/state.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { linearStepGraph, type Parametrisation } from "../../train/objectives/linear.ts";
import { optimise, type Source } from "../../train/optimise.ts";
import { optimiserSchema } from "../../train/options.ts";
import { GyreError } from "../../util/errors.ts";
import { rng } from "../../util/rng.ts";
import { mean } from "../../util/statistics.ts";
import { sizeOf, type Tensor, type Weights } from "../../util/tensor.ts";
import { badLinearTraining } from "../errors.ts";
import { construct, type LinearWeights } from "./construct.ts";
import { drawLinear, type InputLaw, type LinearPrompts, momentsOf } from "./prompts.ts";
import { type DrawnMoments, drawMoments } from "./wishart.ts";

/** What a linear looped transformer is trained on. */
export interface LinearTraining {
  /** What is learned. */
  readonly parametrisation: Parametrisation;
  readonly inputs: InputLaw;
  /** Examples in context, n. */
  readonly examples: number;
  readonly loops: number;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Standard deviation of the weights at the start. */
  readonly initial: number;
  readonly seed: number;
}

/** The recipe of the restricted model at d = 5, from which runs differ by what they say. */
export const linearRecipe = { batch: 128, steps: 2500, learningRate: 0.02, initial: 0.01 } as const;

const optimiser = { warmupSteps: 0, weightDecay: 0, beta2: 0.9 } as const;
/** The schedule ends at this part of the learning rate. */
const floor = 0.02;

/** What training a linear looped transformer gave. */
export interface TrainedLinear {
  readonly weights: LinearWeights;
  /** Mean loss of each hundredth of the training, in order. */
  readonly losses: readonly number[];
}

/**
 * Trains a linear looped transformer on fresh prompts with w* ~ N(0, D^-2); see `optimise`. `onStep` gets steps counted
 * from 0. Throws LAB_LINEAR, and the signal's reason.
 */
export async function trainLinear(
  runtime: Runtime,
  training: LinearTraining,
  { onStep, signal }: { onStep?: (step: number, loss: number) => void; signal?: AbortSignal } = {},
): Promise<TrainedLinear> {
  if (runtime.precision !== "float32") throw badLinearTraining("runtime", runtime.name, "a float32 runtime");
  const { steps, learningRate, inputs } = training;
  const dims = inputs.scales.length;
  const learningRateFloor = floor * learningRate;
  const options = optimiserSchema.parse({ ...optimiser, steps, learningRate, learningRateFloor });
  const state = startFrom(initial(training, dims));
  const losses: number[] = [];
  try {
    const source = linearSource(training, dims);
    for await (const event of optimise({ runtime, options, source, state, ...(signal ? { signal } : {}) })) {
      if (event.type !== "step") continue;
      losses.push(event.loss);
      onStep?.(event.step - 1, event.loss);
    }
  } catch (error) {
    const isDiverged = error instanceof GyreError && error.code === "TRAIN_NOT_FINITE";
    throw isDiverged ? badLinearTraining("learningRate", String(learningRate), diverged(state.step)) : error;
  }
  signal?.throwIfAborted();
  return { weights: assembled(state.weights, dims), losses: thinned(losses, 100) };
}

const diverged = (step: number) => `finite gradients, but those of step ${step} are not: a lower one`;

/** Fresh prompts of every step, as second moments: drawn as such where their law is known, else from whole prompts. */
function linearSource(
  { parametrisation, inputs, examples, batch, loops, seed }: LinearTraining,
  dims: number,
): Source {
  const graph = linearStepGraph({ parametrisation, batch, dims, loops });
  const isDirect = inputs.kind === "gaussian" && examples >= dims;
  return (step) => {
    const stream = `train ${step}`;
    const law = { seed, stream, batch, examples, outputs: 1, inputs, prior: "matched" } as const;
    const drawn = isDirect ? drawMoments(law) : withMoments(drawLinear(law));
    return {
      graph,
      inputs: feeds(drawn, Float32Array),
      tokens: batch * (examples + 1),
      flops: flopsOf(batch, dims, loops),
    };
  };
}

/** Two products of the weights and two of the moments a loop, forward and backward. */
const flopsOf = (batch: number, dims: number, loops: number) => 3 * 8 * batch * loops * (dims + 1) ** 3;

function initial({ parametrisation, seed, initial: spread }: LinearTraining, dims: number): Weights {
  const random = rng(seed, "linear weights");
  const draw = (...shape: number[]): Tensor<Float32Array> => ({
    data: Float32Array.from({ length: sizeOf(shape) }, () => spread * random.normal()),
    shape,
  });
  if (parametrisation === "restricted") return new Map([["A", draw(dims, dims)]]);
  return new Map([
    ["P", draw(dims + 1, dims + 1)],
    ["Q", draw(dims + 1, dims + 1)],
  ]);
}

function assembled(weights: Weights, dims: number): LinearWeights {
  const [A, P, Q] = ["A", "P", "Q"].map((name) => weights.get(name));
  const wide = ({ data, shape }: Tensor) => ({ data: Float64Array.from(data), shape });
  if (P && Q) return { P: wide(P), Q: wide(Q) };
  const block = A?.data ?? new Float32Array(dims * dims);
  const transposed = Float64Array.from(
    { length: dims * dims },
    (_, at) => block[(at % dims) * dims + Math.floor(at / dims)] as number,
  );
  return construct({ dims, outputs: 1, preconditioner: transposed });
}

const withMoments = (prompts: LinearPrompts): DrawnMoments => ({ ...prompts, moments: momentsOf(prompts) });

/** The inputs of the moment graphs. */
function feeds(
  { batch, dims, outputs, targets, moments: { G, z } }: DrawnMoments,
  Data: typeof Float32Array | typeof Float64Array,
): Map<string, Tensor<Float32Array | Float64Array>> {
  const width = dims + outputs;
  return new Map([
    ["G", { data: Data.from(G), shape: [batch, width, width] }],
    ["z", { data: Data.from(z), shape: [batch, width, 1] }],
    ["target", { data: Data.from(targets), shape: [batch] }],
  ]);
}

function thinned(losses: readonly number[], parts: number): number[] {
  const size = Math.max(1, Math.ceil(losses.length / parts));
  return Array.from({ length: Math.ceil(losses.length / size) }, (_, part) => {
    return mean(losses.slice(part * size, (part + 1) * size));
  });
}

/**
 * Squared errors at the queries after each number of loops in `taps`, through the graph on a float64 runtime: a map
 * from loops to [B]. One output. Throws LAB_LINEAR.
 */
export async function linearErrors(
  runtime: Runtime,
  weights: LinearWeights,
  prompts: LinearPrompts,
  taps: readonly number[],
): Promise<ReadonlyMap<number, Float64Array>> {
  if (runtime.precision !== "float64") throw badLinearTraining("runtime", runtime.name, "a float64 runtime");
  const { batch, dims, outputs, targets } = prompts;
  await using program = await runtime.compile(momentGraph({ batch, dims, outputs, taps }));
  const results = await program.run(
    new Map([...feeds(withMoments(prompts), Float64Array), ...Object.entries(weights)]),
  );
  return new Map(
    taps.map((loops) => [
      loops,
      Float64Array.from(
        results.get(`prediction/${loops}`)?.data ?? [],
        (prediction, prompt) => (prediction - (targets[prompt] as number)) ** 2,
      ),
    ]),
  );
}

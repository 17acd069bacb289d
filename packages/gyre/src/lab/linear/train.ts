import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { meanAll, mul, pad, reshape, sub } from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { clipScale, globalNorm, initAdamW, updateAdamW } from "../../optim/adamw.ts";
import { warmupCosine } from "../../optim/schedule.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { rng } from "../../util/rng.ts";
import { mean } from "../../util/statistics.ts";
import type { Weights } from "../../util/tensor.ts";
import { sizeOf, type Tensor } from "../../util/tensor.ts";
import { badLinearTraining } from "../errors.ts";
import { construct, type LinearWeights } from "./construct.ts";
import { momentGraph, momentLoops } from "./model.ts";
import { drawLinear, type InputLaw, type LinearPrompts, momentsOf } from "./prompts.ts";
import { type DrawnMoments, drawMoments } from "./wishart.ts";

export type Parametrisation = "restricted" | "free";

/** What is learned: A alone, [d, d], in the constructed P and Q; or P and Q whole, [d + k, d + k] each. */
export interface LinearTraining {
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

const adamw = { beta1: 0.9, beta2: 0.9, epsilon: 1e-8, weightDecay: 0 } as const;
const clip = 1;
/** The cosine ends at this part of the learning rate. */
const floor = 0.02;

export interface TrainedLinear {
  readonly weights: LinearWeights;
  /** Mean loss of each hundredth of the training, in order. */
  readonly losses: readonly number[];
}

/** Trains a linear looped transformer on fresh prompts with w* ~ N(0, D^-2). Throws LAB_LINEAR. */
export async function trainLinear(
  runtime: Runtime,
  options: LinearTraining,
  { onStep, signal }: { onStep?: (step: number, loss: number) => void; signal?: AbortSignal } = {},
): Promise<TrainedLinear> {
  if (runtime.precision !== "float32") throw badLinearTraining("runtime", runtime.name, "a float32 runtime");
  const { inputs, examples, batch, steps, seed, learningRate } = options;
  const dims = inputs.scales.length;
  const weights = initial(options, dims);
  const state = initAdamW(weights);
  const losses: number[] = [];
  const isDirect = inputs.kind === "gaussian" && examples >= dims;
  await using program = await runtime.compile(trainingGraph(options, dims));
  for (let step = 0; step < steps; step++) {
    signal?.throwIfAborted();
    const stream = `train ${step}`;
    const law = { seed, stream, batch, examples, outputs: 1, inputs, prior: "matched" } as const;
    const drawn = isDirect ? drawMoments(law) : withMoments(drawLinear(law));
    const results = await program.run(new Map([...weights, ...feeds(drawn, Float32Array)]));
    const gradient = (name: string) => results.get(`grad/${name}`)?.data as Float32Array;
    const norm = globalNorm([...weights.keys()].map(gradient));
    if (!Number.isFinite(norm)) throw badLinearTraining("learningRate", String(learningRate), diverged(step));
    updateAdamW(weights, gradient, state, {
      ...adamw,
      learningRate: warmupCosine(
        { peak: learningRate, floor: floor * learningRate, warmupSteps: 0, totalSteps: steps },
        step,
      ),
      step: step + 1,
      gradientScale: clipScale(norm, clip),
    });
    const loss = results.get("loss")?.data[0] ?? Number.NaN;
    losses.push(loss);
    onStep?.(step, loss);
  }
  return { weights: assembled(weights, dims), losses: thinned(losses, 100) };
}

const diverged = (step: number) => `finite gradients, but those of step ${step} are not: a lower one`;

/** The graph of one training step on second moments; outputs `loss` and `grad/NAME`. */
function trainingGraph({ parametrisation, batch, loops }: LinearTraining, dims: number): Graph {
  const builder = new GraphBuilder();
  const width = dims + 1;
  const leaves: Record<string, Value> =
    parametrisation === "restricted"
      ? { A: builder.input("A", [dims, dims]) }
      : { P: builder.input("P", [width, width]), Q: builder.input("Q", [width, width]) };
  const projector = construct({ dims, outputs: 1, preconditioner: 0 }).P;
  const P = leaves["P"] ?? builder.constant(projector.data, projector.shape);
  const Q = leaves["Q"] ?? pad(pad(leaves["A"] as Value, 0, 0, 1), 1, 0, 1);
  const { predictions } = momentLoops(builder, { batch, dims, outputs: 1, taps: [loops] }, P, Q);
  const target = builder.input("target", [batch]);
  const gap = sub(reshape(predictions.get(loops) as Value, [batch]), target);
  const loss = meanAll(mul(gap, gap));
  const names = Object.keys(leaves);
  const grads = gradients(loss, Object.values(leaves));
  const outputs = Object.fromEntries(grads.map((grad, at) => [`grad/${names[at]}`, grad]));
  return builder.graph({ loss, ...outputs });
}

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

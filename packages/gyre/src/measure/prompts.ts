import { misfits } from "../models/misfits.ts";
import { predictionGraph } from "../models/predictions.ts";
import { runsOnce, type Spec } from "../models/spec.ts";
import { inTurns } from "../ranks/agreement.ts";
import { alone, type Collective } from "../ranks/collective.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Baseline } from "../tasks/baselines/baseline.ts";
import { promptInputs } from "../tasks/inputs.ts";
import type { Prompts, PromptTask, VectorTask } from "../tasks/task.ts";
import { groups } from "../util/groups.ts";
import { rng } from "../util/rng.ts";
import { bootstrapBands, mean, median } from "../util/statistics.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import { badLabOption } from "./errors.ts";

/** What `evaluatePrompts` measures: a task, its prompts, and numbers of loops. */
export interface EvaluatePromptsOptions {
  readonly spec: Spec;
  readonly weights: Weights;
  readonly runtime: Runtime;
  readonly task: PromptTask;
  readonly seed: number;
  /** Numbers of loops after which errors are measured, also beyond the trained one; the spec's by default. */
  readonly loops?: readonly number[];
  /** Prompts measured; 1,280 by default. */
  readonly prompts?: number;
  /** Prompts computed together, at most; 128 by default. It changes results by rounding alone. */
  readonly chunk?: number;
  /** Examples plus the query, coordinates in use, and noise of the prompts; the task's, and none, by default. */
  readonly points?: number;
  readonly dims?: number;
  readonly noise?: number;
  /** What squared errors are divided by; 1 by default. */
  readonly scale?: number;
  /** Bootstrap resamples of the band; 1,000 by default. */
  readonly resamples?: number;
  /** The processes that share the prompts; all pass the same options and get the same curves. This one alone by default. */
  readonly ranks?: Collective;
  readonly signal?: AbortSignal;
}

/** Normalised squared errors over prompts, one number for each reading. */
export interface ErrorCurve {
  readonly mean: readonly number[];
  /** Ends of the 90 % band of the mean: percentiles 5 and 95 of bootstrap resamples of the prompts. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Of single prompts: what a few prompts that diverge do not move. */
  readonly median: readonly number[];
}

/** Which prompts the classical algorithms answer: those of the model beside them. */
export type BaselineOptions = Pick<EvaluatePromptsOptions, "seed" | "prompts" | "noise" | "resamples">;

/** Errors of a model on prompts, by the number of examples that came before. */
export interface PromptEvaluation {
  readonly prompts: number;
  readonly scale: number;
  /** Token positions of the readings. */
  readonly readAt: readonly number[];
  readonly curves: readonly (ErrorCurve & { readonly loops: number })[];
}

/**
 * Squared error of a model at every reading and number of loops, averaged over the outputs and divided by `scale`.
 * The same seed gives the same prompts to every model. Throws LAB_OPTIONS, LOOPS, CONTEXT.
 */
export async function evaluatePrompts(options: EvaluatePromptsOptions): Promise<PromptEvaluation> {
  const { spec, weights, runtime, scale = 1, seed, resamples = 1000, signal } = options;
  const { loops = [spec.loops], prompts = 1280, chunk = 128, ranks = alone } = options;
  check(options);
  const taps = [...new Set(loops)].sort((a, b) => a - b);
  const most = taps.at(-1) as number;
  const { readAt } = drawChunk(options, 0, 1);
  const starts = Array.from({ length: Math.ceil(prompts / chunk) }, (_, index) => index * chunk);
  const compute = async (start: number) => {
    signal?.throwIfAborted();
    const drawn = drawChunk(options, start, Math.min(chunk, prompts - start));
    const shape = { batch: drawn.batch, tokens: drawn.length, readAt, loops: most };
    const program = await runtime.compile(predictionGraph(spec, shape, taps), { buffers: 1 });
    const outputs = await program.run(new Map([...weights, ...promptInputs(drawn)]));
    return taps.flatMap((tap) =>
      squaredErrors((outputs.get(`prediction/${tap}`) as Tensor).data, drawn, scale).flat(),
    );
  };
  const ofChunks = await inTurns(ranks, starts, { compute });
  /** [prompts][readings] after some loops. */
  const errorsAfter = (tap: number): number[][] =>
    ofChunks.flatMap((numbers) => {
      const own = numbers.slice(
        (tap * numbers.length) / taps.length,
        ((tap + 1) * numbers.length) / taps.length,
      );
      return [...groups(own, readAt.length)];
    });
  return {
    prompts,
    scale,
    readAt,
    curves: taps.map((tap, index) => ({
      loops: tap,
      ...errorCurve(errorsAfter(index), { seed, resamples }),
    })),
  };
}

/** The same errors for a classical algorithm, on the same prompts. Throws LAB_FEATURES, LAB_DRAW. */
export function evaluateBaseline(
  task: VectorTask,
  baseline: Baseline,
  { seed, prompts = 1280, noise, resamples = 1000 }: BaselineOptions,
): ErrorCurve {
  const { points, dims, scale } = task;
  const errors = Array.from({ length: prompts }, (_, index) => {
    const stream = `evaluation ${index}`;
    const drawn = task.draw({
      seed,
      stream,
      batch: 1,
      points,
      dims,
      ...(noise === undefined ? {} : { noise }),
    });
    return squaredErrors(baseline.predict(drawn.problem), drawn, scale)[0] as number[];
  });
  return errorCurve(errors, { seed, resamples });
}

/** Mean, 90 % bootstrap band and median of errors [prompts][readings]. */
export function errorCurve(
  errors: readonly (readonly number[])[],
  { seed, resamples }: { readonly seed: number; readonly resamples: number },
): ErrorCurve {
  const readings = errors[0]?.length ?? 0;
  const columns = Array.from({ length: readings }, (_, reading) =>
    Float64Array.from(errors, (row) => row[reading] as number),
  );
  const bands = bootstrapBands(columns, { random: rng(seed, "bootstrap"), resamples });
  return {
    mean: columns.map(mean),
    low: bands.map(({ low }) => low),
    high: bands.map(({ high }) => high),
    median: columns.map(median),
  };
}

/** Prompts `start` to `start + count`: each has its own stream, so that chunks do not matter. */
function drawChunk(options: EvaluatePromptsOptions, start: number, count: number): Prompts {
  const { task, seed, points = task.points, dims = task.dims, noise } = options;
  const drawn = Array.from({ length: count }, (_, index) =>
    task.draw({
      seed,
      stream: `evaluation ${start + index}`,
      batch: 1,
      points,
      dims,
      ...(noise === undefined ? {} : { noise }),
    }),
  );
  const join = (parts: readonly Float32Array[]) => {
    const size = parts[0]?.length ?? 0;
    const joined = new Float32Array(size * parts.length);
    for (const [index, part] of parts.entries()) joined.set(part, index * size);
    return joined;
  };
  return {
    ...(drawn[0] as Prompts),
    batch: count,
    tokens: join(drawn.map(({ tokens }) => tokens)),
    targets: join(drawn.map(({ targets }) => targets)),
  };
}

/** [prompts][readings]. */
function squaredErrors(
  prediction: ArrayLike<number>,
  { batch, targets, outputs, readAt }: Prompts,
  scale: number,
): number[][] {
  return Array.from({ length: batch }, (_, prompt) =>
    readAt.map((_, reading) => {
      const from = (prompt * readAt.length + reading) * outputs;
      let sum = 0;
      for (let index = from; index < from + outputs; index++)
        sum += ((prediction[index] as number) - (targets[index] as number)) ** 2;
      return sum / outputs / scale;
    }),
  );
}

function check(options: EvaluatePromptsOptions): void {
  const { spec, task, loops = [spec.loops], points = task.points, dims = task.dims, scale = 1 } = options;
  const problems = misfits(spec, task);
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1;
  for (const name of ["prompts", "chunk", "resamples"] as const) {
    const value = options[name];
    if (value !== undefined && !isCount(value)) problems.push(`${name}: ${value} is no whole number above 0`);
  }
  if (loops.length === 0 || !loops.every(isCount))
    problems.push(`loops: [${loops}] are no whole numbers above 0`);
  if (runsOnce(spec.family) && loops.some((count) => count !== 1))
    problems.push(`loops: [${loops}], where a ${spec.family} runs its layers once`);
  if (!isCount(points) || points > task.points)
    problems.push(`points: ${points}, where ${task.name} has ${task.points}`);
  if (!isCount(dims) || dims > task.dims) problems.push(`dims: ${dims}, where ${task.name} has ${task.dims}`);
  if (!(scale > 0)) problems.push(`scale: ${scale} is not above 0`);
  if (problems.length > 0) throw badLabOption(problems);
}

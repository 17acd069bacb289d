import type { Rng } from "../../util/rng.ts";
import { badDraw } from "../errors.ts";
import type { Drawn, DrawOptions, Problem } from "../task.ts";

/** Refuses what no task can draw. Throws LAB_DRAW. */
export function checkDraw({ batch, points, dims, noise = 0 }: DrawOptions, most: number, least = 1): void {
  const isWhole = (value: number, low: number) => Number.isInteger(value) && value >= low;
  if (!isWhole(batch, 1)) throw badDraw("batch", batch, "a whole number of at least 1");
  if (!isWhole(points, least)) throw badDraw("points", points, `a whole number of at least ${least}`);
  if (!isWhole(dims, 1) || dims > most) throw badDraw("dims", dims, `a whole number from 1 to ${most}`);
  if (!(noise >= 0 && Number.isFinite(noise))) throw badDraw("noise", noise, "a number of at least 0");
}

export const normals = (random: Rng, length: number, spread = 1): Float64Array =>
  Float64Array.from({ length }, () => spread * random.normal());

/** M x for M [rows, x.length], row by row. */
export function apply(matrix: Float64Array, x: Float64Array): Float64Array {
  return Float64Array.from({ length: matrix.length / x.length }, (_, row) =>
    x.reduce((sum, value, column) => sum + value * (matrix[row * x.length + column] as number), 0),
  );
}

export const leakyRelu = (x: Float64Array): Float64Array =>
  x.map((value) => (value > 0 ? value : 0.1 * value));

/** What one prompt is made of: vectors by token, and the readings with the token at which each is read. */
export interface PromptParts {
  readonly tokens: readonly Float64Array[];
  readonly readings: readonly {
    readonly at: number;
    readonly x: Float64Array;
    readonly y: Float64Array;
    readonly features?: Float64Array;
  }[];
}

/** Lays prompts out as models and baselines read them; tokens are padded with zeros to `width`. */
export function assemble(prompts: readonly PromptParts[], width: number, stages = 1): Drawn {
  const [first] = prompts;
  const [reading] = first?.readings ?? [];
  if (!first || !reading) throw badDraw("batch", prompts.length, "at least one prompt with a reading");
  const batch = prompts.length;
  const length = first.tokens.length;
  const readings = first.readings.length;
  const tokens = new Float32Array(batch * length * width);
  const joined = (part: (one: PromptParts["readings"][number]) => Float64Array) =>
    Float64Array.from(prompts.flatMap((prompt) => prompt.readings.flatMap((one) => [...part(one)])));
  for (const [index, prompt] of prompts.entries())
    for (const [at, token] of prompt.tokens.entries()) tokens.set(token, (index * length + at) * width);
  const ys = joined(({ y }) => y);
  const outputs = reading.y.length;
  const problem: Problem = {
    xs: joined(({ x }) => x),
    ys,
    batch,
    readings,
    width: reading.x.length,
    outputs,
    stages,
    ...(reading.features
      ? {
          features: joined(({ features }) => features ?? new Float64Array()),
          featureWidth: reading.features.length,
        }
      : {}),
  };
  const readAt = first.readings.map(({ at }) => at);
  return { tokens, targets: Float32Array.from(ys), batch, length, width, outputs, readAt, problem };
}

/** One example of a regression. */
export interface Pair {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly features?: Float64Array;
}

/** x_1, (y_1, 0, ...), x_2, ...: a prediction is read at each x (Yang et al., ICLR 2024). */
export function interleaved(pairs: readonly Pair[]): PromptParts {
  return {
    tokens: pairs.flatMap(({ x, y }) => [x, y]),
    readings: pairs.map((pair, index) => ({ at: 2 * index, ...pair })),
  };
}

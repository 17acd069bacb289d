import type { Runtime } from "../../runtime/runtime.ts";
import type { Parametrisation } from "../../train/objectives/linear.ts";
import { mean, median } from "../../util/statistics.ts";
import { bestDescent } from "../linear/best-descent.ts";
import { drawLinear, type InputLaw, momentsOf } from "../linear/prompts.ts";
import { type LinearTraining, linearErrors, linearRecipe, trainLinear } from "../linear/train.ts";
import type { FigureContext } from "./figure.ts";

/** One trained linear model of a figure; what it leaves out is `linearRecipe`'s. */
export interface Arm {
  readonly parametrisation: Parametrisation;
  readonly inputs: InputLaw;
  readonly examples: number;
  readonly loops: number;
  readonly training?: Partial<Pick<LinearTraining, "steps" | "batch" | "learningRate" | "initial">>;
}

/** What one run measured: mean and median squared error by loops, and the best descents for as many steps. */
export interface Outcome {
  readonly means: ReadonlyMap<number, number>;
  readonly medians: ReadonlyMap<number, number>;
  readonly plain: number;
  readonly preconditioned: number;
  /** |D A D - I| in the Frobenius norm, above the spectral one, and the antisymmetric share of D A D. */
  readonly distance: number;
  readonly antisymmetric: number;
}

async function runArm(
  arm: Arm,
  seed: number,
  context: FigureContext,
  runtimes: readonly [Runtime, Runtime],
): Promise<Outcome> {
  const { parametrisation, inputs, examples, loops, training } = arm;
  const options = { ...linearRecipe, ...training, ...(context.isBrief ? { steps: 20, batch: 32 } : {}) };
  const label = `${parametrisation}, n ${examples}, ${loops} loops, seed ${seed}`;
  const { weights } = await trainLinear(
    runtimes[0],
    { ...options, parametrisation, inputs, examples, loops, seed },
    {
      onStep: (step, loss) =>
        context.onProgress?.(`${label}: step ${step + 1} of ${options.steps}, loss ${loss.toPrecision(3)}`),
      ...(context.signal ? { signal: context.signal } : {}),
    },
  );
  const law = {
    seed,
    stream: "evaluation",
    batch: context.isBrief ? 64 : 2048,
    examples,
    outputs: 1,
    inputs,
    prior: "matched",
  } as const;
  const prompts = drawLinear(law);
  const moments = momentsOf(prompts);
  const taps = [1, 2, 4, 8, 16].filter((tap) => tap <= 4 * loops);
  const errors = await linearErrors(runtimes[1], weights, prompts, taps);
  const best = (diagonal: readonly number[]) => bestDescent(prompts, moments, diagonal, loops).meanSquare;
  const { scales } = inputs;
  const scaled = (row: number, column: number) =>
    (weights.Q.data[row * (scales.length + 1) + column] ?? 0) * (scales[row] ?? 0) * (scales[column] ?? 0);
  let [distance, odd, size] = [0, 0, 0];
  for (let row = 0; row < scales.length; row++)
    for (let column = 0; column < scales.length; column++) {
      distance += (scaled(row, column) - (row === column ? 1 : 0)) ** 2;
      odd += ((scaled(row, column) - scaled(column, row)) / 2) ** 2;
      size += scaled(row, column) ** 2;
    }
  return {
    means: new Map([...errors].map(([loop, values]) => [loop, mean(values)])),
    medians: new Map([...errors].map(([loop, values]) => [loop, median(values)])),
    plain: best(scales.map(() => 1)),
    preconditioned: best(scales.map((scale) => 1 / scale ** 2)),
    distance: Math.sqrt(distance),
    antisymmetric: Math.sqrt(odd / size),
  };
}

/** Trains and measures every arm with every seed of the context. */
export async function runAll<Key>(arms: readonly (readonly [Key, Arm])[], context: FigureContext) {
  await using single = await context.openRuntime("float32");
  await using double = await context.openRuntime("float64");
  const outcomes = new Map<Key, Outcome[]>();
  for (const [key, arm] of arms)
    for (const seed of context.seeds)
      outcomes.set(key, [...(outcomes.get(key) ?? []), await runArm(arm, seed, context, [single, double])]);
  return outcomes;
}

/** The largest over seeds. */
export const worst = (outcomes: readonly Outcome[], of: (one: Outcome) => number) =>
  Math.max(...outcomes.map(of));
/** Mean squared error after so many loops. */
export const at = (one: Outcome, loops: number) => one.means.get(loops) ?? Number.NaN;

import { linearGraph } from "../../models/linear.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { median, quantile } from "../../util/statistics.ts";
import { construct } from "./construct.ts";
import { descentErrors, type Spectrum, spectrum } from "./descent.ts";
import { alphaOf, drawLinear, type InputName, inputLaw, momentsOf } from "./prompts.ts";

/** Upper bounds on |prediction - target| after `loops` loops, by the rule that sets the step size. */
export type BoundName = keyof typeof bounds;

/**
 * With S = X X^T / n, kappa = most / least, W_0 = 0, no noise, and alpha = |x_q| |w*|. Step size 1 / most: the
 * textbook contraction alpha (1 - 1/kappa)^T, and alpha exp(-T / (2 kappa)), the form of Chen et al.,
 * arXiv 2410.11268. Step size 2 / (most + least): alpha ((kappa - 1) / (kappa + 1))^T.
 */
const bounds = {
  textbook: { rule: "inverse", at: (kappa: number, loops: number) => (1 - 1 / kappa) ** loops },
  exponential: { rule: "inverse", at: (kappa: number, loops: number) => Math.exp(-loops / (2 * kappa)) },
  optimal: { rule: "optimal", at: (kappa: number, loops: number) => ((kappa - 1) / (kappa + 1)) ** loops },
} as const;
export const boundNames = Object.keys(bounds) as BoundName[];

const stepRules = {
  inverse: ({ most }: Spectrum) => 1 / most,
  optimal: ({ most, least }: Spectrum) => 2 / (most + least),
} as const;
type StepRule = keyof typeof stepRules;

/** One setting in which the bounds are checked. */
export interface BoundCell {
  readonly inputs: InputName;
  readonly dims: number;
  /** Examples in context over dims. */
  readonly ratio: number;
}

/** How thoroughly the bounds are checked. */
export interface BoundOptions {
  readonly seed: number;
  readonly prompts: number;
  readonly loops: number;
}

/** How the errors of a setting compare with the bounds. */
export interface BoundResult extends BoundCell {
  readonly conditionMedian: number;
  readonly conditionHigh: number;
  /** Comparisons of an error with a bound. */
  readonly checks: number;
  readonly violations: Readonly<Record<BoundName, number>>;
  /** Largest error over bound where the bound is above the floor of float64. */
  readonly tightest: Readonly<Record<BoundName, number>>;
  /** Comparisons in which |<w*, x_q>| as alpha would have been too small. */
  readonly violationsOfInitialError: number;
  /** Relative errors |prediction - target| / alpha with step size 1 / most, by loop 0 .. T. */
  readonly errorMedian: Float64Array;
  readonly errorLow: Float64Array;
  readonly errorHigh: Float64Array;
  /** The exponential bound over alpha at the median condition number, by loop. */
  readonly boundMedian: Float64Array;
}

/** Relative errors that float64 cannot tell from none at a condition number: 16 eps kappa. */
export const floorAt = (kappa: number): number => 16 * Number.EPSILON * kappa;

/**
 * Measures one cell: draws prompts, runs gradient descent from zero in float64, compares every error with every bound.
 * Errors below `floorAt(kappa)` alpha violate nothing.
 */
export function measureBounds(cell: BoundCell, options: BoundOptions): BoundResult {
  const { prompts, moments } = drawCell(cell, options, options.prompts);
  const spectra = Array.from({ length: prompts.batch }, (_, prompt) =>
    spectrum(moments, prompt, cell.dims, 1),
  );
  const kappas = spectra.map(({ most, least }) => most / least);
  const errorsBy = (rule: StepRule) =>
    descentErrors(
      prompts,
      moments,
      (prompt) => new Array(cell.dims).fill(stepRules[rule](spectra[prompt] as Spectrum)),
      options.loops,
    ).map(Math.sqrt);
  const errors = { inverse: errorsBy("inverse"), optimal: errorsBy("optimal") };
  const alphas = Float64Array.from(kappas, (_, prompt) => alphaOf(prompts, prompt));
  const tally = compare(errors, alphas, kappas, prompts.targets, options.loops);
  const relative = errors.inverse.map((error, at) => error / (alphas[at % prompts.batch] as number));
  const byLoop = (q: number) =>
    Float64Array.from({ length: options.loops + 1 }, (_, loop) =>
      quantile(relative.subarray(loop * prompts.batch, (loop + 1) * prompts.batch), q),
    );
  const kappa = median(kappas);
  return {
    ...cell,
    ...tally,
    conditionMedian: kappa,
    conditionHigh: quantile(kappas, 0.95),
    errorMedian: byLoop(0.5),
    errorLow: byLoop(0.05),
    errorHigh: byLoop(0.95),
    boundMedian: Float64Array.from({ length: options.loops + 1 }, (_, loop) =>
      bounds.exponential.at(kappa, loop),
    ),
  };
}

function drawCell(cell: BoundCell, { seed }: BoundOptions, batch: number) {
  const { inputs, dims, ratio } = cell;
  const prompts = drawLinear({
    seed,
    stream: `bounds ${inputs} ${dims} ${ratio}`,
    batch,
    examples: ratio * dims,
    outputs: 1,
    inputs: inputLaw(inputs, dims),
    prior: "isotropic",
  });
  return { prompts, moments: momentsOf(prompts) };
}

function compare(
  errors: Readonly<Record<StepRule, Float64Array>>,
  alphas: Float64Array,
  kappas: readonly number[],
  targets: Float64Array,
  loops: number,
) {
  const violations = { textbook: 0, exponential: 0, optimal: 0 };
  const tightest = { textbook: 0, exponential: 0, optimal: 0 };
  let checks = 0;
  let violationsOfInitialError = 0;
  for (const [prompt, kappa] of kappas.entries()) {
    const alpha = alphas[prompt] as number;
    const floor = floorAt(kappa) * alpha;
    for (let loop = 0; loop <= loops; loop++) {
      for (const name of boundNames) {
        const { rule, at } = bounds[name];
        const error = errors[rule][loop * kappas.length + prompt] as number;
        const bound = alpha * at(kappa, loop);
        checks++;
        if (error > Math.max(bound * (1 + 1e-9), floor)) violations[name]++;
        if (bound > floor) tightest[name] = Math.max(tightest[name], error / bound);
        const initial = Math.abs(targets[prompt] as number) * at(kappa, loop);
        if (name === "exponential" && error > Math.max(initial * (1 + 1e-9), floor))
          violationsOfInitialError++;
      }
    }
  }
  return { violations, tightest, checks, violationsOfInitialError };
}

/**
 * Runs the first prompts of a cell through the transformer's graph on a float64 runtime with the constructed
 * weights, and returns the largest |error of the graph - error of gradient descent| over alpha.
 */
export async function checkThroughGraph(
  runtime: Runtime,
  cell: BoundCell,
  options: BoundOptions,
  prompts = 2,
): Promise<number> {
  const taps = [0, 1, 2, 5, 10, 20, 50, 100, 200].filter((loops) => loops <= options.loops);
  const { prompts: drawn, moments } = drawCell(cell, options, prompts);
  const { dims, examples } = drawn;
  const program = await runtime.compile(linearGraph({ batch: 1, examples, dims, outputs: 1, taps }));
  const size = (dims + 1) * (examples + 1);
  let worst = 0;
  for (let prompt = 0; prompt < prompts; prompt++) {
    const eta = stepRules.inverse(spectrum(moments, prompt, dims, 1));
    const Z = { data: drawn.Z.slice(prompt * size, (prompt + 1) * size), shape: [1, dims + 1, examples + 1] };
    const weights = construct({ dims, outputs: 1, preconditioner: eta });
    const results = await program.run(new Map(Object.entries({ Z, ...weights })));
    const expected = descentErrors(drawn, moments, () => new Array(dims).fill(eta), options.loops);
    for (const loop of taps) {
      const prediction = results.get(`prediction/${loop}`)?.data[0] ?? Number.NaN;
      const error = Math.abs(prediction - (drawn.targets[prompt] as number));
      const gap = Math.abs(error - Math.sqrt(expected[loop * prompts + prompt] as number));
      worst = Math.max(worst, gap / alphaOf(drawn, prompt));
    }
  }
  return worst;
}

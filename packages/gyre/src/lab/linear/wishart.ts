import { badDraw } from "../../tasks/errors.ts";
import { type Rng, rng } from "../../util/rng.ts";
import type { LinearDraw, Moments } from "./prompts.ts";

/** Second moments of prompts with the labels of their queries. */
export interface DrawnMoments {
  readonly moments: Moments;
  /** [B, k]. */
  readonly targets: Float64Array;
  readonly batch: number;
  readonly dims: number;
  readonly outputs: number;
}

/**
 * Second moments with the law of those of `drawLinear` with Gaussian inputs and n >= d, in time independent of n:
 * X X^T is drawn as D L L^T D with a lower triangular L, whose entries below the diagonal are normal and whose i-th
 * diagonal entry is the root of a chi-squared with n - i degrees (Bartlett, 1933). Throws LAB_DRAW.
 */
export function drawMoments({
  seed,
  stream,
  batch,
  examples,
  outputs,
  inputs,
  prior,
}: LinearDraw): DrawnMoments {
  const { kind, scales } = inputs;
  const dims = scales.length;
  if (kind !== "gaussian") throw badDraw("inputs", kind, "gaussian inputs");
  if (!(examples >= dims)) throw badDraw("examples", examples, `at least as many as dims, ${dims}`);
  const random = rng(seed, "moments", stream);
  const width = dims + outputs;
  const G = new Float64Array(batch * width * width);
  const z = new Float64Array(batch * width);
  const targets = new Float64Array(batch * outputs);
  for (let prompt = 0; prompt < batch; prompt++) {
    const gram = wishart(random, examples, scales);
    const scaleOf = (dim: number) => scales[dim] as number;
    const query = z.subarray(prompt * width, prompt * width + dims);
    for (let dim = 0; dim < dims; dim++) query[dim] = scaleOf(dim) * random.normal();
    // Rows of `basis` say how x and each label are made of x: the identity, then W*^T.
    const basis = Float64Array.from({ length: width * dims }, (_, at) => (at % (dims + 1) === 0 ? 1 : 0));
    for (let at = dims * dims; at < basis.length; at++)
      basis[at] = random.normal() / (prior === "matched" ? scaleOf(at % dims) : 1);
    for (let output = 0; output < outputs; output++) {
      const row = basis.subarray((dims + output) * dims);
      targets[prompt * outputs + output] = query.reduce((sum, x, dim) => sum + x * (row[dim] as number), 0);
    }
    sandwich(basis, gram, dims, G.subarray(prompt * width * width, (prompt + 1) * width * width));
  }
  return { moments: { G, z }, targets, batch, dims, outputs };
}

/** D L L^T D / n, [d, d]. */
function wishart(random: Rng, degrees: number, scales: readonly number[]): Float64Array {
  const dims = scales.length;
  const lower = new Float64Array(dims * dims);
  for (let row = 0; row < dims; row++) {
    for (let column = 0; column < row; column++) lower[row * dims + column] = random.normal();
    lower[row * dims + row] = Math.sqrt(2 * gamma(random, (degrees - row) / 2));
  }
  const gram = new Float64Array(dims * dims);
  for (let row = 0; row < dims; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = 0;
      for (let at = 0; at <= column; at++)
        sum += (lower[row * dims + at] as number) * (lower[column * dims + at] as number);
      const value = (sum * (scales[row] as number) * (scales[column] as number)) / degrees;
      gram[row * dims + column] = value;
      gram[column * dims + row] = value;
    }
  }
  return gram;
}

/** out = basis gram basis^T for basis [width, d], gram [d, d]. */
function sandwich(basis: Float64Array, gram: Float64Array, dims: number, out: Float64Array): void {
  const width = basis.length / dims;
  const half = new Float64Array(dims);
  for (let row = 0; row < width; row++) {
    for (let column = 0; column < dims; column++) {
      let sum = 0;
      for (let at = 0; at < dims; at++)
        sum += (basis[row * dims + at] as number) * (gram[at * dims + column] as number);
      half[column] = sum;
    }
    for (let other = 0; other < width; other++) {
      let sum = 0;
      for (let at = 0; at < dims; at++) sum += (half[at] as number) * (basis[other * dims + at] as number);
      out[row * width + other] = sum;
    }
  }
}

/** A gamma variable of this shape and scale 1 (Marsaglia and Tsang, 2000). */
function gamma(random: Rng, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * random.uniform() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

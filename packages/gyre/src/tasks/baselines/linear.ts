import { badBaseline } from "../errors.ts";
import { type Baseline, baseline, type Examples } from "./baseline.ts";
import { Matrix, pseudoInverse, solve } from "./matrix.ts";

const design = ({ xs }: Examples) => new Matrix(xs.map((x) => [...x]));
const labels = ({ ys }: Examples) => new Matrix(ys.map((y) => [...y]));
const predictWith = (weights: Matrix, x: Float64Array) =>
  Matrix.rowVector([...x])
    .mmul(weights)
    .getRow(0);

function checkPositive(option: string, value: number, isWhole = false): void {
  if (!(value > 0) || (isWhole && !Number.isInteger(value)))
    throw badBaseline(option, value, isWhole ? "a whole number of at least 1" : "a number above 0");
}

/** The least-squares solution of least norm, X^+ Y. */
export function leastSquares(reads: "xs" | "features" = "xs"): Baseline {
  const suffix = reads === "features" ? "-features" : "";
  return baseline(
    `least-squares${suffix}`,
    `least squares of least norm on ${reads === "xs" ? "the inputs" : "the true features"}`,
    (examples, x) => predictWith(pseudoInverse(design(examples)).mmul(labels(examples)), x),
    { reads },
  );
}

/** argmin |X W - Y|^2 + lambda |W|^2; lambda = sigma^2 is optimal for noise sigma and weights N(0, I). Throws LAB_BASELINE. */
export function ridge({
  lambda = 0.1,
  reads = "xs",
}: {
  lambda?: number;
  reads?: "xs" | "features";
} = {}): Baseline {
  checkPositive("lambda", lambda);
  return baseline(
    reads === "xs" ? "ridge" : "ridge-features",
    `ridge regression on ${reads === "xs" ? "the inputs" : "the true features"}, lambda ${lambda}`,
    (examples, x) => {
      const X = design(examples);
      const normal = X.transpose().mmul(X).add(Matrix.eye(examples.width).mul(lambda));
      return predictWith(solve(normal, X.transpose().mmul(labels(examples))), x);
    },
    { reads },
  );
}

/** argmin |X w - y|^2 / (2 n) + alpha |w|_1, by coordinate descent. Throws LAB_BASELINE. */
export function lasso({ alpha = 0.01 }: { alpha?: number } = {}): Baseline {
  checkPositive("alpha", alpha);
  return baseline("lasso", `lasso by coordinate descent, alpha ${alpha}`, (examples, x) =>
    Array.from({ length: examples.outputs }, (_, output) => {
      const w = lassoWeights(examples, output, alpha);
      return w.reduce((sum, weight, at) => sum + weight * (x[at] as number), 0);
    }),
  );
}

/** Weights of the lasso for one output. */
function lassoWeights({ xs, ys, width }: Examples, output: number, alpha: number): Float64Array {
  const w = new Float64Array(width);
  const residual = Float64Array.from(ys, (y) => y[output] as number);
  const count = xs.length;
  const column = Array.from({ length: width }, (_, at) => Float64Array.from(xs, (x) => x[at] as number));
  const squares = column.map((values) => values.reduce((sum, value) => sum + value * value, 0) / count);
  for (let round = 0; round < 10_000; round++) {
    let moved = 0;
    for (const [at, values] of column.entries()) {
      const square = squares[at] as number;
      if (square === 0) continue;
      const old = w[at] as number;
      const pull = values.reduce((sum, value, row) => sum + value * (residual[row] as number), 0) / count;
      const wanted = pull + square * old;
      const next = (Math.sign(wanted) * Math.max(0, Math.abs(wanted) - alpha)) / square;
      if (next === old) continue;
      for (let row = 0; row < count; row++)
        residual[row] = (residual[row] as number) - (next - old) * (values[row] as number);
      w[at] = next;
      moved = Math.max(moved, Math.abs(next - old));
    }
    if (moved < 1e-9) break;
  }
  return w;
}

/** w = mean of y_i x_i, one step of gradient descent of size 1. */
export const averaging: Baseline = baseline("averaging", "w = mean of y x", (examples, x) =>
  predictWith(design(examples).transpose().mmul(labels(examples)).div(examples.xs.length), x),
);

/** S = X^T X / n, X^T Y / n and the largest eigenvalue of S. */
function normalEquations(examples: Examples) {
  const X = design(examples);
  const S = X.transpose().mmul(X).div(examples.xs.length);
  const b = X.transpose().mmul(labels(examples)).div(examples.xs.length);
  return { S, b, most: largestEigenvalue(S) };
}

/** By the power method, to a relative 1e-9 and rounded up by as much: steps of its inverse do not diverge. */
function largestEigenvalue(S: Matrix): number {
  let v = Matrix.columnVector(
    S.to1DArray()
      .slice(0, S.rows)
      .map((_, at) => 1 + at / S.rows),
  );
  let value = 0;
  for (let round = 0; round < 1000; round++) {
    const next = S.mmul(v);
    const norm = next.norm("frobenius");
    if (norm === 0) return 1;
    v = next.div(norm);
    if (Math.abs(norm - value) <= 1e-9 * norm) break;
    value = norm;
  }
  return S.mmul(v).norm("frobenius") * (1 + 1e-9);
}

/** `steps` steps of gradient descent from 0 with step size 1 / largest eigenvalue. Throws LAB_BASELINE. */
export function gradientSteps({ steps = 10 }: { steps?: number } = {}): Baseline {
  checkPositive("steps", steps, true);
  return baseline("gradient-descent", `${steps} steps of gradient descent`, (examples, x) => {
    const { S, b, most } = normalEquations(examples);
    let w = Matrix.zeros(examples.width, examples.outputs);
    for (let step = 0; step < steps; step++) w = Matrix.sub(w, S.mmul(w).sub(b).div(most));
    return predictWith(w, x);
  });
}

/**
 * `steps` steps M <- 2 M - M S M of Newton's method for the inverse of S (Schulz, 1933) from S / most^2, then W = M b.
 * Throws LAB_BASELINE.
 */
export function newton({ steps = 5 }: { steps?: number } = {}): Baseline {
  checkPositive("steps", steps, true);
  return baseline("newton", `${steps} steps of Newton's method for the inverse`, (examples, x) => {
    const { S, b, most } = normalEquations(examples);
    let M = Matrix.div(S, most ** 2);
    for (let step = 0; step < steps; step++) M = Matrix.mul(M, 2).sub(M.mmul(S).mmul(M));
    return predictWith(M.mmul(b), x);
  });
}

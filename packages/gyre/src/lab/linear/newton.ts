import { Matrix } from "../../tasks/baselines/matrix.ts";
import type { Tensor } from "../../util/tensor.ts";
import type { LinearWeights } from "./construct.ts";
import { spectrum } from "./descent.ts";
import type { LinearPrompts, Moments } from "./prompts.ts";

/** The least-squares problem S w = b of one prompt, S = X X^T / n and b = X y / n, one output. */
export interface NormalEquations {
  readonly S: Matrix;
  readonly b: Matrix;
  readonly most: number;
  readonly least: number;
}

export function normalEquations(
  { dims, outputs }: LinearPrompts,
  moments: Moments,
  prompt: number,
): NormalEquations {
  const width = dims + outputs;
  const cell = (row: number, column: number) => moments.G[(prompt * width + row) * width + column] as number;
  const S = Matrix.zeros(dims, dims);
  const b = Matrix.zeros(dims, 1);
  for (let row = 0; row < dims; row++) {
    b.set(row, 0, cell(row, dims));
    for (let column = 0; column < dims; column++) S.set(row, column, cell(row, column));
  }
  return { S, b, ...spectrum(moments, prompt, dims, outputs) };
}

/** Where the iteration for the inverse of S starts: M = S / most^2, with which |I - M S| = 1 - 1 / kappa^2. */
const start = ({ S, most }: NormalEquations) => Matrix.div(S, most ** 2);

/** w = M b after 0 .. `steps` steps M <- 2 M - M S M of Newton's method for the inverse (Schulz, 1933), by definition. */
export function newtonSteps(equations: NormalEquations, steps: number): number[][] {
  const { S, b } = equations;
  let M = start(equations);
  const weights = [M.mmul(b).to1DArray()];
  for (let step = 0; step < steps; step++) {
    M = Matrix.sub(Matrix.mul(M, 2), M.mmul(S).mmul(M));
    weights.push(M.mmul(b).to1DArray());
  }
  return weights;
}

/**
 * The weights with which one loop of `linearGraph` is one step of Newton's method, on columns (S_j; e_j; M_j): P projects
 * on M, and z_i^T Q z_j = d (S_i^T M_j - e_i^T e_j), so that M <- M - (M S M - M). The paper's claim is that a looped
 * layer can do this (AlgoFormer, arXiv 2402.13572, section on Newton's method); its own weights our sources do not give.
 */
export function constructNewton(dims: number): LinearWeights {
  const width = 3 * dims;
  const [P, Q] = [Matrix.zeros(width, width), Matrix.zeros(width, width)];
  for (let dim = 0; dim < dims; dim++) {
    const [ofS, ofUnit, ofM] = [dim, dims + dim, 2 * dims + dim];
    P.set(ofM, ofM, 1);
    Q.set(ofS, ofM, dims);
    Q.set(ofUnit, ofUnit, -dims);
  }
  const tensor = (matrix: Matrix) => ({ data: Float64Array.from(matrix.to1DArray()), shape: [width, width] });
  return { P: tensor(P), Q: tensor(Q) };
}

/**
 * The prompt `Z` [B, 3 d, d + 1] of these weights, d examples and d outputs: columns (S_j; e_j; M_j), then the query
 * (0; b; M b), whose label remains M b: the prediction is -w.
 */
export function newtonPrompt(problems: readonly NormalEquations[]): Tensor<Float64Array> {
  const dims = problems[0]?.S.rows ?? 0;
  const blocks = problems.map((equations) => {
    const M = start(equations);
    const Z = Matrix.zeros(3 * dims, dims + 1);
    Z.setSubMatrix(equations.S, 0, 0);
    Z.setSubMatrix(Matrix.eye(dims), dims, 0);
    Z.setSubMatrix(M, 2 * dims, 0);
    Z.setSubMatrix(equations.b, dims, dims);
    Z.setSubMatrix(M.mmul(equations.b), 2 * dims, dims);
    return Z.to1DArray();
  });
  return { data: Float64Array.from(blocks.flat()), shape: [problems.length, 3 * dims, dims + 1] };
}

import { EigenvalueDecomposition, Matrix } from "../../tasks/baselines/matrix.ts";
import type { LinearPrompts, Moments } from "./prompts.ts";

/**
 * T steps W <- W - (1/n) C X (X^T W - Y) from W = 0 on one prompt, in float64 and by the definition. Returns the
 * predictions W^T x_q after 0 .. T steps, [T + 1, k].
 */
export function gradientDescent(
  { Z, examples, dims, outputs }: LinearPrompts,
  prompt: number,
  preconditioner: Float64Array,
  steps: number,
): Float64Array {
  const columns = examples + 1;
  const cell = (row: number, column: number) =>
    Z[(prompt * (dims + outputs) + row) * columns + column] as number;
  const weights = new Float64Array(dims * outputs);
  const predictions = new Float64Array((steps + 1) * outputs);
  const predict = (column: number, output: number) => {
    let sum = 0;
    for (let dim = 0; dim < dims; dim++)
      sum += (weights[dim * outputs + output] as number) * cell(dim, column);
    return sum;
  };
  for (let step = 1; step <= steps; step++) {
    for (let output = 0; output < outputs; output++) {
      const gradient = new Float64Array(dims);
      for (let at = 0; at < examples; at++) {
        const residual = predict(at, output) - cell(dims + output, at);
        for (let dim = 0; dim < dims; dim++)
          gradient[dim] = (gradient[dim] as number) + (residual * cell(dim, at)) / examples;
      }
      for (let row = 0; row < dims; row++) {
        let change = 0;
        for (let dim = 0; dim < dims; dim++)
          change += (preconditioner[row * dims + dim] as number) * (gradient[dim] as number);
        const place = row * outputs + output;
        weights[place] = (weights[place] as number) - change;
      }
      predictions[step * outputs + output] = predict(examples, output);
    }
  }
  return predictions;
}

/** eta I as [d, d]. */
export function scaledIdentity(dims: number, eta: number): Float64Array {
  return Float64Array.from({ length: dims * dims }, (_, at) => (at % (dims + 1) === 0 ? eta : 0));
}

/** Smallest and largest eigenvalue of S = X X^T / n of one prompt. */
export function spectrum({ G }: Moments, prompt: number, dims: number, outputs: number): Spectrum {
  const width = dims + outputs;
  const S = new Matrix(dims, dims);
  for (let row = 0; row < dims; row++)
    for (let column = 0; column < dims; column++)
      S.set(row, column, G[(prompt * width + row) * width + column] as number);
  const values = new EigenvalueDecomposition(S, { assumeSymmetric: true }).realEigenvalues;
  return { least: Math.min(...values), most: Math.max(...values) };
}

export interface Spectrum {
  readonly least: number;
  readonly most: number;
}

/**
 * Squared errors at the query after 0 .. `steps` steps of gradient descent, by the second moments; one output.
 * `ratesOf` gives a prompt's step size for each coordinate. Returns [steps + 1, B].
 */
export function descentErrors(
  { dims, batch, targets, outputs }: LinearPrompts,
  { G, z }: Moments,
  ratesOf: (prompt: number) => readonly number[],
  steps: number,
): Float64Array {
  const width = dims + outputs;
  const errors = new Float64Array((steps + 1) * batch);
  const weights = new Float64Array(dims);
  const gradient = new Float64Array(dims);
  for (let prompt = 0; prompt < batch; prompt++) {
    weights.fill(0);
    const rates = ratesOf(prompt);
    const gram = G.subarray(prompt * width * width, (prompt + 1) * width * width);
    for (let step = 0; step <= steps; step++) {
      let prediction = 0;
      for (let dim = 0; dim < dims; dim++)
        prediction += (weights[dim] as number) * (z[prompt * width + dim] as number);
      errors[step * batch + prompt] = (prediction - (targets[prompt] as number)) ** 2;
      if (step === steps) break;
      for (let row = 0; row < dims; row++) {
        let sum = -(gram[row * width + dims] as number);
        for (let dim = 0; dim < dims; dim++)
          sum += (gram[row * width + dim] as number) * (weights[dim] as number);
        gradient[row] = sum;
      }
      for (let dim = 0; dim < dims; dim++)
        weights[dim] = (weights[dim] as number) - (rates[dim] as number) * (gradient[dim] as number);
    }
  }
  return errors;
}

import type { Tensor } from "../../util/tensor.ts";
import { badPreconditioner } from "../errors.ts";

/** The two weights of a linear looped transformer, each [d + k, d + k]. */
export interface LinearWeights {
  readonly P: Tensor<Float64Array>;
  readonly Q: Tensor<Float64Array>;
}

/** Weights of a linear looped transformer that make each loop one step of gradient descent. */
export interface Construction {
  readonly dims: number;
  readonly outputs: number;
  /** What multiplies the gradient, [d, d] row by row, or a number: the step size. */
  readonly preconditioner: number | Float64Array;
}

/**
 * The weights with which one loop is one step W <- W - (1/n) C X (X^T W - Y) of preconditioned gradient descent
 * from W = 0: P is the label projector diag(0, I_k), Q = diag(C^T, 0) (Gatmiry et al. with symmetric C). The
 * labels of the examples then hold the residuals, that of the query minus the prediction. Throws LAB_CONSTRUCT.
 */
export function construct({ dims, outputs, preconditioner }: Construction): LinearWeights {
  const width = dims + outputs;
  const isMatrix = typeof preconditioner !== "number";
  if (isMatrix && preconditioner.length !== dims * dims) throw badPreconditioner(preconditioner.length, dims);
  const P = new Float64Array(width * width);
  const Q = new Float64Array(width * width);
  for (let row = dims; row < width; row++) P[row * width + row] = 1;
  for (let row = 0; row < dims; row++) {
    if (!isMatrix) Q[row * width + row] = preconditioner;
    else
      for (let column = 0; column < dims; column++)
        Q[row * width + column] = preconditioner[column * dims + row] as number;
  }
  return { P: { data: P, shape: [width, width] }, Q: { data: Q, shape: [width, width] } };
}

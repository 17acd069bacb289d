import { GyreError } from "../util/errors.ts";

export function notDifferentiable(op: string): GyreError {
  return new GyreError("GRAD_UNDEFINED", {
    given: `a gradient through ${op}`,
    expected: "operations that have a derivative rule",
    fix: "differentiate the graph before its passes run, or stop the gradient before this operation",
  });
}

export function lossNotScalar(shape: readonly number[]): GyreError {
  return new GyreError("GRAD_LOSS", {
    given: `a loss of shape [${shape.join(", ")}]`,
    expected: "a scalar loss of shape []",
    fix: "reduce the loss with meanAll or a sum first",
  });
}

import { add, mul, reduceSum, rmsNorm } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";

/** Root-mean-square norm over the last axis, with a gain where one is given. */
export function rmsNormed(x: Value, epsilon: number, gain?: Value): Value {
  const normed = rmsNorm(x, epsilon);
  return gain ? mul(normed, gain) : normed;
}

/** Layer norm over the last axis: deviations from the mean over their root mean square (Ba et al., 2016). */
export function layerNormed(x: Value, epsilon: number, gain?: Value, bias?: Value): Value {
  const last = x.shape.length - 1;
  const minusMean = mul(reduceSum(x, [last]), -1 / (x.shape[last] as number));
  const normed = rmsNorm(add(x, minusMean), epsilon);
  const scaled = gain ? mul(normed, gain) : normed;
  return bias ? add(scaled, bias) : scaled;
}

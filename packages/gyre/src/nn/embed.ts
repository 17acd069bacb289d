import { concat, cos, mul, reshape, silu, sin } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { linear, type Params } from "./linear.ts";

// Shapes: d width, M scalars.

/** Width of the sinusoidal features of a scalar. */
export const FEATURES = 256;

/** Embeds M scalars: cosines, then sines, of 128 frequencies; then a two-layer network (DiT): [M] -> [M, d]. */
export function embedScalars(scalars: Value, params: Params): Value {
  const half = FEATURES / 2;
  const frequencies = Array.from({ length: half }, (_, index) => Math.exp((-Math.log(1e4) * index) / half));
  const angles = mul(reshape(scalars, [-1, 1]), scalars.builder.constant(frequencies, [1, half]));
  const features = concat([cos(angles), sin(angles)], 1);
  const hidden = silu(linear(features, params("0.weight"), params("0.bias")));
  return linear(hidden, params("1.weight"), params("1.bias"));
}

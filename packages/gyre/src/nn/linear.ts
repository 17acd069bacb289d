import { add, matmul, mul, reshape } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";

// Shapes: N = batch * tokens.

/** Looks a parameter up by its name below the current module. */
export type Params = (name: string) => Value;

/** Parameters of a submodule. */
export const within =
  (params: Params, prefix: string): Params =>
  (name) =>
    params(`${prefix}.${name}`);

/** x [N, in] times a weight [out, in], plus a bias [out]: [N, out]. */
export function linear(x: Value, weight: Value, bias?: Value): Value {
  const product = matmul(x, weight, { transB: true });
  return bias ? add(product, bias) : product;
}

/**
 * What a condition or a norm's gain and bias do around a linear layer, each [1 or N, width]: inputs times `factor`
 * plus `shift`, outputs times `gate`.
 */
export interface Modulation {
  readonly factor?: Value | undefined;
  readonly shift?: Value | undefined;
  readonly gate?: Value | undefined;
}

/**
 * A linear layer x [N, in] -> [N, out] under a modulation. One that is the same for all rows goes into whichever is
 * smaller: (x diag(s) + h) W^T diag(g) is x (diag(g) W diag(s))^T + h W^T diag(g).
 */
export function modulatedLinear(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  { factor, shift, gate }: Modulation,
): Value {
  const [out, inner] = weight.shape as [number, number];
  const timesFactor = (value: Value) => (factor ? mul(value, factor) : value);
  const timesGate = (value: Value, by: Value | undefined = gate) => (by ? mul(value, by) : value);
  const isOneRow = [factor, shift, gate].every((value) => value === undefined || value.shape[0] === 1);
  if (!isOneRow || (x.shape[0] as number) <= out) {
    const read = timesFactor(x);
    return timesGate(linear(shift ? add(read, shift) : read, weight, bias));
  }
  const column = gate && reshape(gate, [out, 1]);
  const row = gate && reshape(gate, [out]);
  const shifted = shift && reshape(linear(reshape(shift, [1, inner]), weight, bias), [out]);
  const total = shifted ?? bias;
  return linear(x, timesGate(timesFactor(weight), column), total && timesGate(total, row));
}

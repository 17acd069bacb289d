import { add, gelu, mul, relu, silu, tanh } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { type Modulation, modulatedLinear, type Params } from "./linear.ts";

// Shapes: N = batch * tokens, d width.

/** GPT-2's approximation of gelu, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. */
function geluTanh(x: Value): Value {
  const slope = Math.sqrt(2 / Math.PI);
  const inner = mul(x, add(mul(mul(x, x), 0.044715 * slope), slope));
  return mul(mul(x, add(tanh(inner), 1)), 0.5);
}

const activations = { gelu, relu, silu, geluTanh } as const;
type Activation = keyof typeof activations;

export interface MlpOptions {
  readonly activation: Activation;
  /** `gate` x goes through the activation and multiplies `up` x (Shazeer, arXiv 2002.05202). */
  readonly gated: boolean;
  readonly bias: boolean;
}

/** Two linear layers with an activation between them, or three where it is gated, x [N, d] -> [N, d]. */
export function mlp(
  x: Value,
  params: Params,
  { activation, gated, bias }: MlpOptions,
  { gate, ...input }: Modulation = {},
): Value {
  const layer = (name: string, of: Value, told: Modulation) =>
    modulatedLinear(of, params(`${name}.weight`), bias ? params(`${name}.bias`) : undefined, told);
  const act = activations[activation];
  const hidden = gated
    ? mul(act(layer("gate", x, input)), layer("up", x, input))
    : act(layer("up", x, input));
  return layer("down", hidden, { gate });
}

import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { meanAll, mul, pad, reshape, sub } from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { momentLoops } from "../../models/linear.ts";

/** What is learned: A alone, [d, d], in the constructed P and Q; or P and Q whole, [d + 1, d + 1] each. */
export type Parametrisation = "restricted" | "free";

export interface LinearStepShape {
  readonly parametrisation: Parametrisation;
  readonly batch: number;
  /** Width of an input, d; labels have one number. */
  readonly dims: number;
  readonly loops: number;
}

/**
 * The graph of one training step of the linear looped transformer on second moments: inputs `G`, `z` (see `momentGraph`),
 * `target` [B] and the weights, `A` or `P` and `Q`; outputs `loss`, the squared error at the query after all loops
 * averaged over prompts, and `grad/NAME`.
 */
export function linearStepGraph({ parametrisation, batch, dims, loops }: LinearStepShape): Graph {
  const builder = new GraphBuilder();
  const width = dims + 1;
  const leaves: Record<string, Value> =
    parametrisation === "restricted"
      ? { A: builder.input("A", [dims, dims]) }
      : { P: builder.input("P", [width, width]), Q: builder.input("Q", [width, width]) };
  const P = leaves["P"] ?? labelProjector(builder, width);
  const Q = leaves["Q"] ?? pad(pad(leaves["A"] as Value, 0, 0, 1), 1, 0, 1);
  const { predictions } = momentLoops(builder, { batch, dims, outputs: 1, taps: [loops] }, P, Q);
  const target = builder.input("target", [batch]);
  const gap = sub(reshape(predictions.get(loops) as Value, [batch]), target);
  const loss = meanAll(mul(gap, gap));
  const names = Object.keys(leaves);
  const grads = gradients(loss, Object.values(leaves));
  const outputs = Object.fromEntries(grads.map((grad, at) => [`grad/${names[at]}`, grad]));
  return builder.graph({ loss, ...outputs });
}

/** diag(0, ..., 0, 1): a loop changes labels alone. */
function labelProjector(builder: GraphBuilder, width: number): Value {
  const values = new Float64Array(width * width);
  values[width * width - 1] = 1;
  return builder.constant(values, [width, width]);
}

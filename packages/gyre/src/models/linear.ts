import { GraphBuilder } from "../graph/builder.ts";
import { broadcastTo, matmul, neg, reshape, slice, sub, swapLast } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";

/** The sizes that a linear looped transformer is compiled for. */
export interface LinearShape {
  readonly batch: number;
  /** Examples in context, n; the query comes on top. */
  readonly examples: number;
  /** Width of an input, d. */
  readonly dims: number;
  /** Width of a label, k. */
  readonly outputs: number;
  /** Loops after which the prediction is read, in rising order; the last one ends the run. */
  readonly taps: readonly number[];
}

/**
 * The linear looped transformer on whole prompts: input `Z` [B, d + k, n + 1] with columns (x_i; y_i) and (x_q; 0),
 * weights `P` and `Q` [d + k, d + k]; outputs `prediction/T` [B, k] for each tap and `Z`, the prompt after the last
 * loop. One loop is Z <- Z - (1/n) P Z M (Z^T Q Z) with M = diag(1, ..., 1, 0) (Gatmiry et al., arXiv 2410.08292); the
 * prediction is the negated label of the query. The papers have k = 1; labels in R^k are the natural
 * generalisation, in which every output sees the same attention weights.
 */
export function linearGraph(shape: LinearShape): Graph {
  const { batch, examples, dims, outputs, taps } = shape;
  const width = dims + outputs;
  const builder = new GraphBuilder();
  const projector = builder.input("P", [width, width]);
  const query = builder.input("Q", [width, width]);
  let rows = swapLast(builder.input("Z", [batch, width, examples + 1]));
  const named: Record<string, Value> = {};
  for (let loop = 0; loop <= (taps.at(-1) ?? 0); loop++) {
    if (loop > 0) rows = attend(rows, projector, query);
    const last = slice(slice(rows, 1, examples, examples + 1), 2, dims, width);
    if (taps.includes(loop)) named[`prediction/${loop}`] = neg(reshape(last, [batch, outputs]));
  }
  return builder.graph({ ...named, Z: swapLast(rows) });
}

/** One loop on the columns of Z as rows [B, n + 1, D]; (1/n) Z M Z^T is formed first, which is exact and cheaper. */
function attend(rows: Value, projector: Value, query: Value): Value {
  const [batch, tokens, width] = rows.shape as [number, number, number];
  const flat = [batch * tokens, width];
  const context = slice(rows, 1, 0, tokens - 1);
  const gram = matmul(context, context, { transA: true, alpha: 1 / (tokens - 1) });
  const asked = reshape(matmul(reshape(rows, flat), query, { transB: true }), rows.shape);
  const mixed = reshape(matmul(asked, gram), flat);
  return sub(rows, reshape(matmul(mixed, projector, { transB: true }), rows.shape));
}

/**
 * The same model on the second moments of its prompts: inputs `G` = (1/n) Z M Z^T [B, D, D] and the query column `z`
 * [B, D, 1], D = d + k; outputs `prediction/T` [B, k]. Without softmax a loop multiplies every column by one
 * matrix, T = I - P G Q, so that G <- T G T^T and z <- T z say all that the query's prediction depends on, at a
 * cost that does not grow with n.
 */
export function momentGraph(shape: Omit<LinearShape, "examples">): Graph {
  const builder = new GraphBuilder();
  const width = shape.dims + shape.outputs;
  const weight = (name: string) => builder.input(name, [width, width]);
  const { predictions } = momentLoops(builder, shape, weight("P"), weight("Q"));
  return builder.graph(
    Object.fromEntries([...predictions].map(([loop, value]) => [`prediction/${loop}`, value])),
  );
}

/** The loops of `momentGraph` in a graph under construction, with the weights as values. */
export function momentLoops(
  builder: GraphBuilder,
  { batch, dims, outputs, taps }: Omit<LinearShape, "examples">,
  projector: Value,
  query: Value,
): { readonly predictions: ReadonlyMap<number, Value> } {
  const width = dims + outputs;
  const square = [batch, width, width];
  const identity = Array.from({ length: width * width }, (_, at) => (at % (width + 1) === 0 ? 1 : 0));
  const one = builder.constant(identity, [1, width, width]);
  const everyProjector = broadcastTo(reshape(projector, [1, width, width]), square);
  const everyQuery = broadcastTo(reshape(query, [1, width, width]), square);
  let gram: Value = builder.input("G", square);
  let column: Value = builder.input("z", [batch, width, 1]);
  const predictions = new Map<number, Value>();
  const last = taps.at(-1) ?? 0;
  for (let loop = 0; loop <= last; loop++) {
    if (loop > 0) {
      const change = sub(one, matmul(matmul(everyProjector, gram), everyQuery));
      column = matmul(change, column);
      if (loop < last) gram = matmul(matmul(change, gram), change, { transB: true });
    }
    if (taps.includes(loop)) {
      predictions.set(loop, neg(reshape(slice(column, 1, dims, width), [batch, outputs])));
    }
  }
  return { predictions };
}

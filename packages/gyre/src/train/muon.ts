import { GraphBuilder } from "../graph/builder.ts";
import { add, div, matmul, mul, reduceSum, sqrt } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Tensor, Weights } from "../util/tensor.ts";

/** A quintic whose iteration takes singular values near to 1, fast and not exactly. */
const [a, b, c] = [3.4445, -4.775, 2.0315];
const ROUNDS = 5;

/**
 * The weights that Muon moves: matrices of layers. Embeddings, positions, the readout, gains and biases are AdamW's, as the author
 * recommends.
 */
export const muonNames = (weights: Weights): ReadonlySet<string> =>
  new Set(
    [...weights]
      .filter(([name, { shape }]) => shape.length === 2 && !/^(embed|readout)\./.test(name))
      .map(([name]) => name),
  );

/**
 * A graph that takes `update/NAME` [rows, columns] to `orthogonal/NAME`, nearly the nearest matrix with orthonormal rows or columns, by five
 * Newton-Schulz iterations (Jordan et al., 2024; muon.py, there in bfloat16).
 */
function orthogonalGraph(shapes: ReadonlyMap<string, readonly number[]>): Graph {
  const builder = new GraphBuilder();
  const outputs = [...shapes].map(([name, shape]): [string, Value] => {
    const update = builder.input(`update/${name}`, shape);
    return [`orthogonal/${name}`, orthogonal(update)];
  });
  return builder.graph(Object.fromEntries(outputs));
}

/** The smaller of the two Gram matrices is iterated, which is what transposing a tall matrix comes to. */
function orthogonal(update: Value): Value {
  const [rows = 1, columns = 1] = update.shape;
  const isTall = rows > columns;
  let x = div(update, add(sqrt(reduceSum(mul(update, update), [0, 1])), 1e-7));
  for (let round = 0; round < ROUNDS; round++) {
    const gram = matmul(x, x, isTall ? { transA: true } : { transB: true });
    const polynomial = add(mul(b, gram), matmul(gram, gram, { alpha: c }));
    x = add(mul(a, x), isTall ? matmul(x, polynomial) : matmul(polynomial, x));
  }
  return x;
}

export interface MuonStep {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly momentum: number;
  /** Multiplies every gradient first: clipping, averaging. */
  readonly gradientScale: number;
}

/**
 * Muon (Jordan et al., 2024; muon.py) for some weights: momentum after Nesterov, made orthogonal, times the root of rows over columns
 * where there are more rows. The momentum is each weight's first moment; its second one stays zero.
 */
export class Muon {
  readonly #runtime: Runtime;
  readonly #weights: Weights;
  readonly #graph: Graph;

  constructor(runtime: Runtime, weights: Weights) {
    this.#runtime = runtime;
    this.#weights = weights;
    this.#graph = orthogonalGraph(new Map([...weights].map(([name, { shape }]) => [name, shape])));
  }

  /** Updates weights and momenta in place. */
  async update(
    gradient: (name: string) => Float32Array,
    momenta: Weights,
    { learningRate, weightDecay, momentum, gradientScale }: MuonStep,
  ): Promise<void> {
    const program = await this.#runtime.compile(this.#graph, { buffers: 1, pinned: "others" });
    const inputs = new Map<string, Tensor>();
    for (const [name, { shape }] of this.#weights) {
      const data = nesterov(gradient(name), momenta.get(name)?.data as Float32Array, {
        momentum,
        gradientScale,
      });
      inputs.set(`update/${name}`, { data, shape });
    }
    const outputs = await program.run(inputs);
    for (const [name, { data, shape }] of this.#weights) {
      const direction = outputs.get(`orthogonal/${name}`)?.data as Float32Array;
      const [rows = 1, columns = 1] = shape;
      const size = learningRate * Math.sqrt(Math.max(1, rows / columns));
      const keep = 1 - learningRate * weightDecay;
      for (let at = 0; at < data.length; at++)
        data[at] = (data[at] as number) * keep - size * (direction[at] as number);
    }
  }
}

/** Moves the mean of gradients on, and gives what it will be after as much again of this gradient. */
function nesterov(
  gradient: Float32Array,
  mean: Float32Array,
  { momentum, gradientScale }: Pick<MuonStep, "momentum" | "gradientScale">,
): Float32Array {
  const ahead = new Float32Array(gradient.length);
  for (let at = 0; at < gradient.length; at++) {
    const g = (gradient[at] as number) * gradientScale;
    const moved = momentum * (mean[at] as number) + (1 - momentum) * g;
    mean[at] = moved;
    ahead[at] = momentum * moved + (1 - momentum) * g;
  }
  return ahead;
}

import { isConditioned, parameterCount } from "./parameters.ts";
import type { Spec } from "./spec.ts";

export interface BudgetCost {
  readonly loops: number;
  /** Blocks applied to each token. */
  readonly blockPasses: number;
  /** Forward pass: two per multiply-add; attention over the mean number of causal keys; head included. */
  readonly flopsPerToken: number;
  /** Cached keys and values in float32. */
  readonly kvBytesPerToken: number;
  /** What the backward pass keeps in float32, without recomputation. */
  readonly activationBytesPerToken: number;
}

export interface Description {
  readonly parameters: number;
  readonly budgets: readonly BudgetCost[];
}

/** Parameters and costs of a spec at each number of loops, without allocating any weight. */
export function describe(
  spec: Spec,
  { loops }: { loops: readonly number[] } = { loops: [spec.loops] },
): Description {
  const { width, mlp, context, layers, heads, prelude, coda } = spec;
  const block = 2 * (4 * width * width + 2 * width * mlp) + 2 * width * (context + 1);
  const kept = (isConditioned(spec) ? 12 : 10) * width + 4 * mlp + 2 * heads * context;
  return {
    parameters: parameterCount(spec),
    budgets: loops.map((count) => {
      const blockPasses = prelude + layers * count + coda;
      return {
        loops: count,
        blockPasses,
        flopsPerToken: blockPasses * block + 2 * readWidth(spec) * width,
        kvBytesPerToken: blockPasses * 2 * width * 4,
        activationBytesPerToken: 4 * (blockPasses * kept + 2 * (spec.vectors?.outputs ?? spec.vocab)),
      };
    }),
  };
}

/** What is multiplied with the width to read in and out: the head, or both layers of a model of vectors. */
const readWidth = ({ vectors, vocab }: Spec) => (vectors ? vectors.inputs + vectors.outputs : vocab);

/** Matmul FLOPs of one training run of `loops` loops over `tokens` tokens, forward and backward, full attention. */
export function trainingFlops(spec: Spec, loops: number, tokens: number): number {
  const { width, mlp, context, layers, prelude, coda } = spec;
  const block = 2 * (4 * width * width + 2 * width * mlp) + 4 * width * context;
  return 3 * tokens * ((prelude + layers * loops + coda) * block + 2 * readWidth(spec) * width);
}

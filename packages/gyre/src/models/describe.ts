import { isConditioned, parameterCount } from "./parameters.ts";
import { headWidth, type Spec } from "./spec.ts";

/** What a token costs at one number of loops. */
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

/** The size of a model, and what a token costs at each number of loops. */
export interface Description {
  readonly parameters: number;
  readonly budgets: readonly BudgetCost[];
}

/** Parameters and costs of a spec at each number of loops, without allocating any weight. */
export function describe(
  spec: Spec,
  { loops }: { loops: readonly number[] } = { loops: [spec.loops] },
): Description {
  const { width, context } = spec;
  const { prelude, core, coda } = spec.layers;
  const block = 2 * linearWeights(spec) + 2 * width * (context + 1);
  return {
    parameters: parameterCount(spec),
    budgets: loops.map((count) => {
      const blockPasses = prelude + core * count + coda;
      return {
        loops: count,
        blockPasses,
        flopsPerToken: blockPasses * block + 2 * readWidth(spec) * width,
        kvBytesPerToken: blockPasses * 2 * spec.attention.keyValueHeads * headWidth(spec) * 4,
        activationBytesPerToken: 4 * (blockPasses * keptValues(spec) + 2 * writeWidth(spec)),
      };
    }),
  };
}

/** What is multiplied with the width to read in and out: the head, or both layers of a model of vectors. */
const readWidth = (spec: Spec) =>
  spec.readout.kind === "vectors" ? spec.readout.inputs + spec.readout.outputs : spec.vocab;

/** Entries of what is read out. */
const writeWidth = ({ readout, vocab }: Spec) => (readout.kind === "vectors" ? readout.outputs : vocab);

/** Weights of the linear layers of one block: each is multiplied and added once a token. */
function linearWeights(spec: Spec): number {
  const { width, attention, mlp } = spec;
  const projected = (attention.heads + 2 * attention.keyValueHeads) * headWidth(spec) + width;
  return width * (projected + (mlp.gated ? 3 : 2) * mlp.width);
}

/** Values of one block that the backward pass reads again, for each token, from above. */
function keptValues(spec: Spec): number {
  const { width, context, attention, mlp, norm, positions } = spec;
  const more = [
    isConditioned(spec),
    norm.placement === "branch" || norm.placement === "sum",
    positions.kind === "rotary",
  ];
  const wide = 10 + 2 * more.filter(Boolean).length;
  return wide * width + (mlp.gated ? 6 : 4) * mlp.width + 2 * attention.heads * context;
}

/**
 * Matmul FLOPs of one training run of `loops` loops over `tokens` tokens, forward and backward, full attention.
 * Every token is read out unless told how many.
 */
export function trainingFlops(spec: Spec, loops: number, tokens: number, readOut = tokens): number {
  const { width, context } = spec;
  const { prelude, core, coda } = spec.layers;
  const block = 2 * linearWeights(spec) + 4 * width * context;
  return 3 * (tokens * (prelude + core * loops + coda) * block + readOut * 2 * readWidth(spec) * width);
}

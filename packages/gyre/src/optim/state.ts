import type { Weights } from "../util/tensor.ts";
import { type AdamWState, initAdamW } from "./adamw.ts";

/** Everything that training changes; with data and options it decides the rest of a run, bit for bit. */
export interface TrainState {
  /** Optimizer steps done. */
  step: number;
  readonly weights: Weights;
  readonly moments: AdamWState;
  /** Exponential moving averages of the weights, where training keeps them. */
  ema?: Weights | undefined;
}

/** The weights that a model is measured and used with: their moving averages where there are any. */
export const usedWeights = ({ weights, ema }: Pick<TrainState, "weights" | "ema">): Weights => ema ?? weights;

/** The state before the first step: these weights and zero moments. */
export const startFrom = (weights: Weights): TrainState => ({
  step: 0,
  weights,
  moments: initAdamW(weights),
});

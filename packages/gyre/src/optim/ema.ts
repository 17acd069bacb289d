import type { Tensor, Weights } from "../util/tensor.ts";

/** Copies of weights, from which their moving averages begin. */
export const startEma = (weights: Weights): Weights =>
  new Map([...weights].map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]));

/**
 * Moves averages on towards the weights after a step, counted from 1, in place: ema = keep ema + (1 - keep) weights, in float32. What is
 * kept is min(decay, (1 + step) / (10 + step)), as TensorFlow's ExponentialMovingAverage has it, so that the weights that a run began with are soon forgotten.
 */
export function updateEma(
  ema: Weights,
  weights: Weights,
  { decay, step }: { readonly decay: number; readonly step: number },
): void {
  const moves = 1 - Math.min(decay, (1 + step) / (10 + step));
  for (const [name, { data }] of weights) {
    const mean = (ema.get(name) as Tensor<Float32Array>).data;
    for (let index = 0; index < data.length; index++) {
      const before = mean[index] as number;
      mean[index] = before + moves * ((data[index] as number) - before);
    }
  }
}

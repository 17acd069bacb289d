import type { Tensor, Weights } from "../util/tensor.ts";

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decay of tensors with two or more dimensions; others are not decayed. */
  readonly weightDecay: number;
}

/** First and second moments by parameter name. */
export interface AdamWState {
  readonly first: Weights;
  readonly second: Weights;
}

/** Zero moments for `weights`. */
export function initAdamW(weights: Weights): AdamWState {
  const zeros = () =>
    new Map(
      [...weights].map(([name, { data, shape }]) => [name, { data: new Float32Array(data.length), shape }]),
    );
  return { first: zeros(), second: zeros() };
}

/**
 * One AdamW update in place (Loshchilov and Hutter, 2019; torch.optim.AdamW): `step` counts from 1, and
 * `gradientScale` multiplies every gradient first (clipping, averaging).
 */
export function updateAdamW(
  weights: Weights,
  gradients: (name: string) => Float32Array,
  { first, second }: AdamWState,
  options: AdamWOptions & {
    readonly learningRate: number;
    readonly step: number;
    readonly gradientScale: number;
  },
): void {
  const { beta1, beta2, epsilon, weightDecay, learningRate, step, gradientScale } = options;
  const stepSize = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  for (const [name, { data, shape }] of weights) {
    const grad = gradients(name);
    const m = (first.get(name) as Tensor<Float32Array>).data;
    const v = (second.get(name) as Tensor<Float32Array>).data;
    const keep = shape.length >= 2 ? 1 - learningRate * weightDecay : 1;
    for (let index = 0; index < data.length; index++) {
      const g = (grad[index] as number) * gradientScale;
      const mean = beta1 * (m[index] as number) + (1 - beta1) * g;
      const square = beta2 * (v[index] as number) + (1 - beta2) * g * g;
      m[index] = mean;
      v[index] = square;
      data[index] =
        (data[index] as number) * keep - (stepSize * mean) / (Math.sqrt(square) * correction + epsilon);
    }
  }
}

/** Euclidean norm over all gradients together. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let total = 0;
  for (const grad of gradients) {
    let sum = 0;
    for (let index = 0; index < grad.length; index++)
      sum += (grad[index] as number) * (grad[index] as number);
    total += sum;
  }
  return Math.sqrt(total);
}

/** The factor that brings a gradient of norm `norm` down to `clip` (torch's clip_grad_norm_); 0 never clips. */
export function clipScale(norm: number, clip: number): number {
  return clip > 0 ? Math.min(1, clip / (norm + 1e-6)) : 1;
}

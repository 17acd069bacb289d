export interface WarmupCosine {
  /** Highest learning rate. */
  readonly peak: number;
  /** Learning rate at the end. */
  readonly floor: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** Linear warm-up, then a cosine from peak to floor; `step` counts from 0 (nanoGPT's get_lr). */
export function warmupCosine({ peak, floor, warmupSteps, totalSteps }: WarmupCosine, step: number): number {
  if (step < warmupSteps) return (peak * (step + 1)) / (warmupSteps + 1);
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return floor + 0.5 * (1 + Math.cos(Math.PI * progress)) * (peak - floor);
}

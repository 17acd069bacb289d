/** How the learning rate falls after its warm-up. */
export const learningRateSchedules = ["cosine", "linear", "constant"] as const;

export interface LearningRateSchedule {
  readonly schedule: (typeof learningRateSchedules)[number];
  /** Highest learning rate. */
  readonly learningRate: number;
  /** Learning rate at the end. */
  readonly learningRateFloor: number;
  readonly warmupSteps: number;
  /** Last steps, in which a constant one falls in a line; a fifth of all by default (Hägele et al., 2024). */
  readonly cooldownSteps?: number | undefined;
  readonly steps: number;
}

/**
 * The learning rate of a step, counted from 0: a linear warm-up, then from peak to floor as a cosine (nanoGPT's get_lr), in a
 * line, or not before the cooldown (Hu et al., 2024: warm-up, stable, decay).
 */
export function learningRateAt(
  { schedule, learningRate: peak, learningRateFloor: floor, warmupSteps, ...length }: LearningRateSchedule,
  step: number,
): number {
  if (step < warmupSteps) return (peak * (step + 1)) / (warmupSteps + 1);
  const { steps, cooldownSteps = usualCooldown(steps) } = length;
  const from = schedule === "constant" ? Math.max(warmupSteps, steps - cooldownSteps) : warmupSteps;
  const progress = Math.min(1, Math.max(0, step - from) / Math.max(1, steps - from));
  const left = schedule === "cosine" ? 0.5 * (1 + Math.cos(Math.PI * progress)) : 1 - progress;
  return floor + left * (peak - floor);
}

const usualCooldown = (steps: number): number => Math.ceil(steps / 5);

/** A part of a sweep after which its trials are compared. */
export interface Rung {
  /** Optimizer steps that a run has done at its end. */
  readonly steps: number;
  /** Trials that train up to here. */
  readonly trials: number;
}

/**
 * The rungs of successive halving (Jamieson and Talwalkar, 2016): after `first` steps the best of `factor` trials go on, for `factor`
 * times the steps, until `steps` are done. A single rung without halving.
 */
export function rungsOf(
  trials: number,
  steps: number,
  halving: { readonly first: number; readonly factor: number } | undefined,
): Rung[] {
  if (!halving) return [{ steps, trials }];
  const { first, factor } = halving;
  const rungs: Rung[] = [];
  for (let [at, left] = [first, trials]; ; at *= factor, left = Math.max(1, Math.floor(left / factor))) {
    rungs.push({ steps: Math.min(at, steps), trials: left });
    if (at >= steps) return rungs;
  }
}

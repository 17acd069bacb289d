import type { Rng } from "./rng.ts";

/**
 * The quantile `q` in [0, 1] of some numbers, in any order; NaN of none. Between two of them it is interpolated linearly:
 * type 7 of Hyndman and Fan (1996), as NumPy's and R's default.
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = q * (sorted.length - 1);
  const low = Math.floor(place);
  const below = sorted[low] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? below;
  return below === above ? below : below + (place - low) * (above - below);
}

/** The middle number, or the mean of the two in the middle; NaN of none. */
export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);

/** NaN of none. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] as number;
  return sum / values.length;
}

/**
 * Standard error of the mean of `count` independent numbers, from their sum and the sum of their squares. The variance
 * is that of the numbers themselves (divided by `count`).
 */
export function standardError(sum: number, squares: number, count: number): number {
  const average = sum / count;
  return Math.sqrt(Math.max(0, squares / count - average * average) / count);
}

/**
 * Standard error of the mean of independent numbers: their sample standard deviation (divided by one less than their
 * count) over the root of their count. NaN of fewer than two.
 */
export function sampleStandardError(values: readonly number[]): number {
  const [average, count] = [mean(values), values.length];
  const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
  return Math.sqrt(squares / (count - 1) / count);
}

/** A 90 % band. */
export interface Band {
  readonly low: number;
  readonly high: number;
}

/**
 * The 90 % bootstrap band of each column's mean: quantiles 0.05 and 0.95 of its means over `resamples` draws of the
 * rows with replacement. All columns are of one length and see the same draws.
 */
export function bootstrapBands(
  columns: readonly Float64Array[],
  { random, resamples }: { readonly random: Rng; readonly resamples: number },
): Band[] {
  const count = columns[0]?.length ?? 0;
  const means = columns.map(() => new Float64Array(resamples));
  const chosen = new Uint32Array(count);
  for (let resample = 0; resample < resamples; resample++) {
    for (let index = 0; index < count; index++) chosen[index] = random.below(count);
    for (const [at, column] of columns.entries()) {
      let sum = 0;
      for (let index = 0; index < count; index++) sum += column[chosen[index] as number] as number;
      (means[at] as Float64Array)[resample] = sum / count;
    }
  }
  return means.map((all) => ({ low: quantile(all, 0.05), high: quantile(all, 0.95) }));
}

import fc from "fast-check";
import type { Rows } from "../../../src/measure/states/rows.ts";
import { rng } from "../../../src/util/rng.ts";

/** A matrix from its rows. */
export const matrix = (...rows: readonly (readonly number[])[]): Rows => ({
  data: Float64Array.from(rows.flat()),
  shape: [rows.length, rows[0]?.length ?? 0],
});

/** A matrix [n, d] of standard normal numbers. */
export function normal(n: number, d: number, seed: number): Rows {
  const random = rng(seed, "rows");
  return { data: Float64Array.from({ length: n * d }, () => random.normal()), shape: [n, d] };
}

/** Sizes and a seed of matrices that are tall, wide and square. */
export const sizes = fc.record({
  n: fc.integer({ min: 3, max: 9 }),
  d: fc.integer({ min: 2, max: 9 }),
  seed: fc.nat(),
});

/** x R [n, d], R being the product of d Householder reflections. */
export function rotated(x: Rows, seed: number): Rows {
  const [n, d] = x.shape as [number, number];
  const data = Float64Array.from(x.data);
  for (let time = 0; time < d; time++) {
    const v = Float64Array.from(normal(1, d, seed + time).data);
    const square = v.reduce((sum, value) => sum + value * value, 0);
    for (let row = 0; row < n; row++) {
      const own = data.subarray(row * d, (row + 1) * d);
      const along = (2 * own.reduce((sum, value, at) => sum + value * (v[at] as number), 0)) / square;
      for (let at = 0; at < d; at++) own[at] = (own[at] as number) - along * (v[at] as number);
    }
  }
  return { data, shape: x.shape };
}

export const mapped = (x: Rows, change: (value: number, at: number) => number): Rows => ({
  data: Float64Array.from(x.data, change),
  shape: x.shape,
});

/** The rows of a matrix as lists. */
export const lists = ({ data, shape: [n = 0, d = 0] }: Rows): number[][] =>
  Array.from({ length: n }, (_, row) => [...data.subarray(row * d, (row + 1) * d)]);

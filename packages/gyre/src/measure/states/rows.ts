import type { FloatData, Tensor } from "../../util/tensor.ts";
import { dot } from "./symmetric.ts";

/** States [T, d] of the T tokens of a text after some loop. */
export type Rows = Tensor<FloatData>;

/** The rows of a matrix [T, d], each in float64. */
export function rowsOf({ data, shape }: Rows): Float64Array[] {
  const [count, width] = shape as [number, number];
  return Array.from({ length: count }, (_, row) =>
    Float64Array.from(data.subarray(row * width, (row + 1) * width)),
  );
}

export const normOf = (x: ArrayLike<number>): number => Math.sqrt(dot(x, x));

/** x - y. */
export function difference(x: Float64Array, y: Float64Array): Float64Array {
  return x.map((value, at) => value - (y[at] as number));
}

/**
 * The angle between two vectors in radians, from 0 to pi, by Kahan's formula 2 atan2(|u - v|, |u + v|) of the unit vectors
 * u and v, which is exact for small angles where the arc cosine is not. A zero vector is at a right angle to every other.
 */
export function angleBetween(x: Float64Array, y: Float64Array): number {
  const [first, second] = [normOf(x), normOf(y)];
  if (first === 0 || second === 0) return Math.PI / 2;
  let apart = 0;
  let together = 0;
  for (let at = 0; at < x.length; at++) {
    const [u, v] = [(x[at] as number) / first, (y[at] as number) / second];
    apart += (u - v) ** 2;
    together += (u + v) ** 2;
  }
  return 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(together));
}

/** Rows of length 1; zero rows stay. */
export function unitRows(rows: readonly Float64Array[]): Float64Array[] {
  return rows.map((row) => {
    const norm = normOf(row);
    return norm === 0 ? row : row.map((value) => value / norm);
  });
}

/** Rows without their mean. */
export function centred(rows: readonly Float64Array[]): Float64Array[] {
  const width = rows[0]?.length ?? 0;
  const mean = Float64Array.from(
    { length: width },
    (_, at) => rows.reduce((sum, row) => sum + (row[at] as number), 0) / rows.length,
  );
  return rows.map((row) => difference(row, mean));
}

/** All inner products of rows, [n, n] row-major. */
export function gram(rows: readonly Float64Array[]): Float64Array {
  const n = rows.length;
  const products = new Float64Array(n * n);
  for (const [i, row] of rows.entries())
    for (let j = i; j < n; j++) {
      const product = dot(row, rows[j] as Float64Array);
      products[i * n + j] = product;
      products[j * n + i] = product;
    }
  return products;
}

/** The columns of a matrix as rows. */
export function columnsOf(rows: readonly Float64Array[]): Float64Array[] {
  return Array.from({ length: rows[0]?.length ?? 0 }, (_, at) =>
    Float64Array.from(rows, (row) => row[at] as number),
  );
}

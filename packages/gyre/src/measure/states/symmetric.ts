/** Eigenvalues, largest first, and an orthonormal eigenvector [n] for each. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/** Sweeps over all pairs; the off-diagonal part shrinks quadratically, so that ten are more than enough. */
const MOST_SWEEPS = 40;

/**
 * The eigenvalues and eigenvectors of a symmetric matrix [n, n], row-major, by cyclic Jacobi rotations: each rotation makes
 * one off-diagonal element zero (Golub and Van Loan, Matrix Computations, section 8.5). Exact to rounding, also for equal and
 * zero eigenvalues; about 30 n^3 operations.
 */
export function symmetricEigen(matrix: ArrayLike<number>, n: number): Eigen {
  const a = Array.from({ length: n }, (_, row) =>
    Float64Array.from({ length: n }, (_, column) => matrix[row * n + column] as number),
  );
  const vectors = Array.from({ length: n }, (_, row) => {
    const unit = new Float64Array(n);
    unit[row] = 1;
    return unit;
  });
  const size = Math.sqrt(a.reduce((sum, row) => sum + dot(row, row), 0));
  for (let sweep = 0; sweep < MOST_SWEEPS && offDiagonal(a) > 1e-15 * size; sweep++)
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, p, q);
  const values = a.map((row, index) => row[index] as number);
  const order = values.map((_, index) => index).sort((i, j) => (values[j] as number) - (values[i] as number));
  return {
    values: Float64Array.from(order, (index) => values[index] as number),
    vectors: order.map((index) => vectors[index] as Float64Array),
  };
}

/** Rotates in the plane of p and q so that a[p][q] becomes zero. The rows of `vectors` are the eigenvectors. */
function rotate(a: readonly Float64Array[], vectors: readonly Float64Array[], p: number, q: number): void {
  const [rowP, rowQ] = [a[p] as Float64Array, a[q] as Float64Array];
  const off = rowP[q] as number;
  if (off === 0) return;
  const theta = ((rowQ[q] as number) - (rowP[p] as number)) / (2 * off);
  const tan = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cos = 1 / Math.hypot(tan, 1);
  const sin = tan * cos;
  const turn = (x: Float64Array, y: Float64Array) => {
    for (let at = 0; at < x.length; at++) {
      const [one, other] = [x[at] as number, y[at] as number];
      x[at] = cos * one - sin * other;
      y[at] = sin * one + cos * other;
    }
  };
  turn(rowP, rowQ);
  for (const row of a) {
    const [one, other] = [row[p] as number, row[q] as number];
    row[p] = cos * one - sin * other;
    row[q] = sin * one + cos * other;
  }
  turn(vectors[p] as Float64Array, vectors[q] as Float64Array);
}

function offDiagonal(a: readonly Float64Array[]): number {
  let sum = 0;
  for (const [index, row] of a.entries())
    for (let at = index + 1; at < row.length; at++) sum += 2 * (row[at] as number) ** 2;
  return Math.sqrt(sum);
}

/** The inner product of two vectors of one length. */
export function dot(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < x.length; at++) sum += (x[at] as number) * (y[at] as number);
  return sum;
}

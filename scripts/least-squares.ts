/** What is to be made small, at a point: as many numbers as there are equations. */
export type Residuals = (point: Float64Array) => Promise<Float64Array>;

export interface LeastSquares {
  readonly point: Float64Array;
  /** Half the sum of squared residuals. */
  readonly cost: number;
}

const costOf = (residuals: Float64Array) => residuals.reduce((sum, r) => sum + r * r, 0) / 2;

/**
 * Levenberg-Marquardt with forward differences in float64: from `start` until the root mean square residual is
 * below `goal`, or no damping makes it smaller, or `most` Jacobians were built.
 */
export async function leastSquares(
  residuals: Residuals,
  start: Float64Array,
  { goal, most }: { readonly goal: number; readonly most: number },
): Promise<LeastSquares> {
  let point = start;
  let at = await residuals(point);
  let damping = 1e-2;
  for (let round = 0; round < most && Math.sqrt((2 * costOf(at)) / at.length) > goal; round++) {
    const { normal, slope } = await linearise(residuals, point, at);
    let improved = false;
    for (let attempt = 0; attempt < 12 && !improved; attempt++) {
      const step = solveDamped(normal, slope, damping);
      const next = point.map((value, index) => value - (step[index] as number));
      const there = await residuals(next);
      improved = costOf(there) < costOf(at);
      damping = improved ? damping / 5 : damping * 4;
      if (improved) [point, at] = [next, there];
    }
    if (!improved) break;
  }
  return { point, cost: costOf(at) };
}

/** J^T J and J^T r at a point. */
async function linearise(residuals: Residuals, point: Float64Array, at: Float64Array) {
  const h = 1e-6;
  const columns: Float64Array[] = [];
  for (let index = 0; index < point.length; index++) {
    const moved = point.slice();
    moved[index] = (moved[index] as number) + h;
    const there = await residuals(moved);
    columns.push(there.map((value, row) => (value - (at[row] as number)) / h));
  }
  const normal = columns.map((a, i) => columns.slice(0, i + 1).map((b) => dot(a, b)));
  return { normal, slope: columns.map((column) => dot(column, at)) };
}

/** A plain loop: most of the time of a large system is spent here. */
function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < a.length; row++) sum += (a[row] as number) * (b[row] as number);
  return sum;
}

/** (N + damping diag(N)) x = s for the lower triangle of N, by Cholesky. */
function solveDamped(
  normal: readonly (readonly number[])[],
  slope: readonly number[],
  damping: number,
): number[] {
  const lower: number[][] = [];
  const get = (row: number, column: number) => lower[row]?.[column] as number;
  for (const [i, row] of normal.entries()) {
    const own: number[] = [];
    lower.push(own);
    for (const [j, value] of row.entries()) {
      const damped = i === j ? value * (1 + damping) + 1e-14 : value;
      let rest = damped;
      for (let k = 0; k < j; k++) rest -= get(i, k) * get(j, k);
      own.push(i === j ? Math.sqrt(Math.max(rest, 1e-300)) : rest / get(j, j));
    }
  }
  const x = slope.slice();
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] = (x[i] as number) - get(i, k) * (x[k] as number);
    x[i] = (x[i] as number) / get(i, i);
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] = (x[i] as number) - get(k, i) * (x[k] as number);
    x[i] = (x[i] as number) / get(i, i);
  }
  return x;
}

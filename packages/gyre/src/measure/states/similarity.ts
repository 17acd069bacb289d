import { centred, columnsOf, type Rows, rowsOf } from "./rows.ts";
import { dot } from "./symmetric.ts";

/**
 * Linear CKA of every two of some states [n, d] of the same n tokens: |Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F), columns centred. 1 where
 * one is the other turned and scaled; NaN where states do not vary at all (Kornblith et al., arXiv 1905.00414, section 3).
 * The result is symmetric, [loops][loops].
 */
export function linearCka(loops: readonly Rows[]): number[][] {
  const sides = loops.map((states) => {
    const rows = centred(rowsOf(states));
    return { rows, columns: columnsOf(rows) };
  });
  const own = sides.map((side) => Math.sqrt(alignment(side, side)));
  const table = sides.map(() => new Array<number>(sides.length).fill(1));
  for (const [i, x] of sides.entries())
    for (const [j, y] of sides.entries()) {
      if (j < i) continue;
      const cka = alignment(x, y) / ((own[i] as number) * (own[j] as number));
      (table[i] as number[])[j] = cka;
      (table[j] as number[])[i] = cka;
    }
  return table;
}

interface Sides {
  readonly rows: readonly Float64Array[];
  readonly columns: readonly Float64Array[];
}

/** |Y^T X|_F^2: over pairs of columns, or over pairs of rows as <X X^T, Y Y^T>, whichever are fewer. */
function alignment(x: Sides, y: Sides): number {
  let sum = 0;
  if (x.rows.length > x.columns.length) {
    for (const ours of x.columns) for (const theirs of y.columns) sum += dot(ours, theirs) ** 2;
    return sum;
  }
  for (const [i, row] of x.rows.entries())
    for (const [j, other] of x.rows.entries())
      sum += dot(row, other) * dot(y.rows[i] as Float64Array, y.rows[j] as Float64Array);
  return sum;
}

import { angleBetween, centred, columnsOf, difference, gram, type Rows, rowsOf, unitRows } from "./rows.ts";
import { dot, symmetricEigen } from "./symmetric.ts";

// The shape of a text's states z_1 ... z_T, rows [T, d], after one loop. Definitions of Skean et al., arXiv 2502.02013, which
// LoopFormer's figures 4 and 5 name (arXiv 2602.11451).

/**
 * Mean angle in radians between consecutive steps of a text through state space: with v_k = z_(k+1) - z_k,
 * C = 1/(T - 2) sum_k arccos(v_k . v_(k+1) / |v_k| |v_(k+1)|). 0 on a straight line; NaN of fewer than three tokens.
 */
export function curvature(states: Rows): number {
  const rows = rowsOf(states);
  const steps = rows.slice(1).map((row, index) => difference(row, rows[index] as Float64Array));
  const turns = steps.slice(1).map((step, index) => angleBetween(steps[index] as Float64Array, step));
  return turns.reduce((sum, turn) => sum + turn, 0) / turns.length;
}

/**
 * Mean cosine of all pairs of different tokens: 1 where all states point one way, 0 where they are orthogonal. From the sum of the
 * unit vectors, whose square is T plus that of all pairs. NaN of fewer than two tokens.
 */
export function anisotropy(states: Rows): number {
  const units = unitRows(rowsOf(states));
  const sums = columnsOf(units).map((column) => column.reduce((sum, value) => sum + value, 0));
  const own = units.reduce((sum, unit) => sum + dot(unit, unit), 0);
  return (dot(sums, sums) - own) / (units.length * (units.length - 1));
}

/**
 * Matrix-based entropy of a text in nats: S = -sum_i l_i ln l_i over the eigenvalues of K = Z Z^T / tr(Z Z^T), with rows of Z of
 * length 1. 0 where all states point one way, ln min(T, d) at most.
 */
export function promptEntropy(states: Rows): number {
  return entropyOf(spectrum(unitRows(rowsOf(states))));
}

/**
 * The effective rank exp(-sum_i p_i ln p_i), p_i = s_i / sum_j s_j, of the singular values s of the states: k where k of them are
 * equal and the others zero (Roy and Vetterli, 2007).
 */
export function effectiveRank(states: Rows): number {
  return Math.exp(entropyOf(spectrum(rowsOf(states)).map(Math.sqrt)));
}

/** Eigenvalues of Z Z^T, largest first, by the smaller of it and Z^T Z; rounding makes none negative. */
function spectrum(rows: readonly Float64Array[]): Float64Array {
  const width = rows[0]?.length ?? 0;
  const side = rows.length <= width ? rows : columnsOf(rows);
  const largest = { value: 0 };
  return symmetricEigen(gram(side), side.length).values.map((value) => {
    largest.value = Math.max(largest.value, value);
    return value > largest.value * side.length * Number.EPSILON ? value : 0;
  });
}

/** Shannon entropy in nats of weights that need not sum to 1. */
function entropyOf(weights: Float64Array): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.reduce((sum, weight) => {
    const share = weight / total;
    return share > 0 ? sum - share * Math.log(share) : sum;
  }, 0);
}

/** What tokens' states do in the plane of their leading directions. */
export interface Orbits {
  /** Coordinates of each token after each loop: [tokens][loops][components]. */
  readonly paths: readonly (readonly (readonly number[])[])[];
  /** The share of the variance that each component explains. */
  readonly explained: readonly number[];
}

/**
 * Principal components of the states of all tokens after all loops, and the path of each token through them: `loops` are rows [T, d]
 * of the same tokens, loop by loop. A component's sign is that of its largest coordinate, so that equal states give equal
 * pictures (orbits as in Geiping et al., arXiv 2502.05171, figure 8).
 */
export function orbits(loops: readonly Rows[], components = 6): Orbits {
  const tokens = loops[0]?.shape[0] ?? 0;
  const rows = centred(loops.flatMap(rowsOf));
  const columns = columnsOf(rows);
  const isTall = rows.length > columns.length;
  const { values, vectors } = symmetricEigen(
    gram(isTall ? columns : rows),
    isTall ? columns.length : rows.length,
  );
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const count = Math.min(components, values.length);
  const places = vectors.slice(0, count).map((vector, index) => {
    const scores = isTall
      ? rows.map((row) => dot(row, vector))
      : Array.from(vector, (value) => value * Math.sqrt(Math.max(0, values[index] as number)));
    const furthest = scores.reduce((most, score) => (Math.abs(score) > Math.abs(most) ? score : most), 0);
    return furthest < 0 ? scores.map((score) => -score) : scores;
  });
  return {
    paths: Array.from({ length: tokens }, (_, token) =>
      loops.map((_, loop) => places.map((scores) => scores[loop * tokens + token] as number)),
    ),
    explained: Array.from(values.subarray(0, count), (value) => (total > 0 ? Math.max(0, value) / total : 0)),
  };
}

import type { Rng } from "../../util/rng.ts";
import { normOf } from "./rows.ts";
import { dot } from "./symmetric.ts";

/** A matrix that is known by its products only. */
export type Product = (vector: Float64Array) => Promise<Float64Array>;

/** What power iteration found of a matrix's largest eigenvalue. */
export interface Radius {
  /** Its modulus, the spectral radius; where the iteration did not settle, the rate at which vectors grow instead. */
  readonly value: number;
  /** `real`; `pair` for two of one modulus, complex or of opposite sign; `unsettled` where neither explains what was seen. */
  readonly kind: "real" | "pair" | "unsettled";
  /** How far the last product was from what the eigenvalue, or the pair, predicts: 0 where it is exact. */
  readonly residual: number;
  /** Products that it took. */
  readonly products: number;
}

/** How the power iteration for a spectral radius runs. */
export interface PowerOptions {
  /** Length of the vectors. */
  readonly size: number;
  /** Draws the first vector. */
  readonly random: Rng;
  /** Most products; 100 by default. */
  readonly products?: number;
  /** Residual at which the iteration ends; 0.001 by default. */
  readonly tolerance?: number;
  readonly signal?: AbortSignal;
}

/**
 * The spectral radius of a matrix by power iteration. Three vectors x, A x, A^2 x in a row are fitted with A x = l x, which
 * finds a real eigenvalue, and with A^2 x = a A x + b x, whose roots l^2 = a l + b are a complex pair or two of opposite sign:
 * there x itself never settles. Where more eigenvalues share the largest modulus neither fits, and the answer is the rate of
 * growth |A^k x|^(1/k) over the second half (Gelfand's formula), marked as `unsettled`.
 */
export async function spectralRadius(times: Product, options: PowerOptions): Promise<Radius> {
  const { products = 100, tolerance = 1e-3, signal } = options;
  let x = firstVector(options);
  let ax = await times(x);
  const growth: number[] = [];
  for (let done = 1; ; done++) {
    signal?.throwIfAborted();
    const scale = normOf(ax);
    if (scale === 0) return { value: 0, kind: "real", residual: 0, products: done };
    growth.push(Math.log(scale));
    const found = fitOne(x, ax);
    if (found.residual < tolerance) return { ...found, kind: "real", products: done };
    if (done === products) {
      const late = growth.slice(Math.floor(growth.length / 2));
      const rate = Math.exp(late.reduce((sum, value) => sum + value, 0) / late.length);
      return { value: rate, kind: "unsettled", residual: found.residual, products };
    }
    const next = ax.map((value) => value / scale);
    const after = await times(next);
    // in units of the new vector: A^2 x = scale * after, A x = scale * next
    const pair = fitTwo(
      x,
      ax,
      after.map((value) => value * scale),
    );
    if (pair.residual < tolerance) return { ...pair, kind: "pair", products: done + 1 };
    x = next;
    ax = after;
  }
}

/** The largest singular value of a matrix, by power iteration on A^T A, which is symmetric and never negative. */
export async function spectralNorm(
  times: Product,
  transposedTimes: Product,
  options: PowerOptions,
): Promise<Radius> {
  const found = await spectralRadius(async (vector) => transposedTimes(await times(vector)), options);
  return { ...found, value: Math.sqrt(found.value) };
}

function firstVector({ size, random }: PowerOptions): Float64Array {
  const vector = Float64Array.from({ length: size }, () => random.normal());
  const norm = normOf(vector);
  return vector.map((value) => value / norm);
}

interface Fit {
  readonly value: number;
  readonly residual: number;
}

/** A x = l x by least squares. */
function fitOne(x: Float64Array, ax: Float64Array): Fit {
  const eigenvalue = dot(x, ax) / dot(x, x);
  const rest = ax.map((value, at) => value - eigenvalue * (x[at] as number));
  return { value: Math.abs(eigenvalue), residual: normOf(rest) / normOf(ax) };
}

/** A^2 x = a A x + b x by least squares; the larger modulus of the roots of l^2 = a l + b. */
function fitTwo(x: Float64Array, ax: Float64Array, aax: Float64Array): Fit {
  const [xx, xy, yy] = [dot(x, x), dot(x, ax), dot(ax, ax)];
  const [xz, yz] = [dot(x, aax), dot(ax, aax)];
  const determinant = xx * yy - xy * xy;
  const size = normOf(aax);
  if (determinant <= 1e-12 * xx * yy || size === 0) return { value: Number.NaN, residual: Infinity };
  const a = (xx * yz - xy * xz) / determinant;
  const b = (yy * xz - xy * yz) / determinant;
  const rest = aax.map((value, at) => value - a * (ax[at] as number) - b * (x[at] as number));
  const discriminant = a * a + 4 * b;
  const value = discriminant < 0 ? Math.sqrt(-b) : (Math.abs(a) + Math.sqrt(discriminant)) / 2;
  return { value, residual: normOf(rest) / size };
}

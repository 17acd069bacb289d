import { add, concat, mul, slice, sub } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";

/** Cosines and sines of what each position turns each pair of coordinates by, [positions, w / 2]. */
export interface Turns {
  readonly cos: Value;
  readonly sin: Value;
}

/** Turns as numbers, row by row. */
export interface TurnTable {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
  readonly shape: readonly [positions: number, pairs: number];
}

/**
 * The turns of the first positions for heads of width w: pair i of position p by the angle p base^(-2 i / w)
 * (Su et al., arXiv 2104.09864, section 3.2.2). In float64, for angles that are as large as the context.
 */
export function turnTable(positions: number, headWidth: number, base: number): TurnTable {
  const pairs = headWidth / 2;
  const angles = Float64Array.from({ length: positions * pairs }, (_, at) => {
    const [position, pair] = [Math.floor(at / pairs), at % pairs];
    return position * base ** ((-2 * pair) / headWidth);
  });
  return { cos: angles.map(Math.cos), sin: angles.map(Math.sin), shape: [positions, pairs] };
}

/**
 * Queries or keys [B, H, T, w], turned by their positions. Coordinates i and i + w / 2 are a pair (x, y), which becomes
 * (x cos - y sin, y cos + x sin). Turns [T, w / 2] are the same for every text; else they are [B, 1, T, w / 2].
 */
export function turned(heads: Value, { cos, sin }: Turns): Value {
  const width = heads.shape[3] as number;
  const [x, y] = [slice(heads, 3, 0, width / 2), slice(heads, 3, width / 2, width)];
  return concat([sub(mul(x, cos), mul(y, sin)), add(mul(y, cos), mul(x, sin))], 3);
}

/** 2^(-n / 2048) for n from 0 to 2047, then 2^-n for n from 0 to 1023. */
export const expTable: Float64Array = Float64Array.from({ length: 2048 + 1024 }, (_, index) =>
  index < 2048 ? 2 ** (-index / 2048) : 2 ** (2048 - index),
);

/**
 * exp(x) for x of at most 0, to 1e-15 of itself; below -700, where it is under 1e-304, exp(-700). In less than half of
 * `Math.exp`'s time, which counts where a vocabulary has 50,000 entries. exp(x) = 2^(-n / 2048) e^r, where r is above -0.00034 and a cubic in it is exact
 * enough. A loop passes `expTable` from a variable of its own: engines find it sooner there.
 */
export function expOf(x: number, table: Float64Array = expTable): number {
  const y = Math.max(x, -700);
  const n = (y * (-2048 / Math.LN2)) | 0;
  // ln 2 / 2048 in two parts: the first has so few bits that its products with whole numbers are exact
  const r = y + n * (0.6931471803691238 / 2048) + n * (1.9082149292705877e-10 / 2048);
  const power = (table[n & 2047] as number) * (table[2048 + (n >> 11)] as number);
  return power * (1 + r * (1 + r * (0.5 + r * (1 / 6))));
}

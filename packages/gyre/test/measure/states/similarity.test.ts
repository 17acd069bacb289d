import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearCka } from "../../../src/measure/states/similarity.ts";
import { lists, mapped, matrix, normal, rotated, sizes } from "./helpers.ts";

/** The definition, through centred Gram matrices: HSIC(X, Y) = tr(K H L H). */
function naive(x: number[][], y: number[][]): number {
  const n = x.length;
  const centredGram = (rows: number[][]) => {
    const products = rows.map((a) => rows.map((b) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)));
    const means = products.map((row) => row.reduce((a, b) => a + b, 0) / n);
    const all = means.reduce((a, b) => a + b, 0) / n;
    return products.map((row, i) => row.map((value, j) => value - means[i]! - means[j]! + all));
  };
  const [k, l] = [centredGram(x), centredGram(y)];
  const inner = (a: number[][], b: number[][]) =>
    a.reduce((sum, row, i) => sum + row.reduce((part, value, j) => part + value * b[i]![j]!, 0), 0);
  return inner(k, l) / Math.sqrt(inner(k, k) * inner(l, l));
}

describe("linear CKA", () => {
  test("rotated, scaled and shifted copies are the same: 1", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const x = normal(n, d, seed);
        const copy = mapped(rotated(x, seed + 7), (value, at) => 3 * value + (at % d));
        expect(linearCka([x, copy])[0]![1]).toBeCloseTo(1, 10);
      }),
      { numRuns: 40 },
    );
  });

  test("states that vary along tokens that the other's do not: 0", () => {
    const x = matrix([1, 0], [-1, 0], [0, 0], [0, 0]);
    const y = matrix([0, 0], [0, 0], [0, 2], [0, -2]);
    expect(linearCka([x, y])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  test("is the definition, symmetric, 1 on the diagonal, and between 0 and 1, for tall and for wide states", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const loops = [normal(n, d, seed), normal(n, d, seed + 1), normal(n, d, seed + 2)];
        const table = linearCka(loops);
        for (const [i, x] of loops.entries())
          for (const [j, y] of loops.entries()) {
            expect(table[i]![j]).toBe(table[j]![i]);
            expect(table[i]![j]).toBeCloseTo(naive(lists(x), lists(y)), 10);
            expect(table[i]![j]).toBeGreaterThanOrEqual(0);
            expect(table[i]![j]).toBeLessThanOrEqual(1 + 1e-12);
          }
      }),
      { numRuns: 40 },
    );
  });

  test("states that do not vary are like nothing", () => {
    expect(linearCka([normal(4, 3, 1), mapped(normal(4, 3, 2), () => 1)])[0]![1]).toBeNaN();
  });
});

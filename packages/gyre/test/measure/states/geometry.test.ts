import fc from "fast-check";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, test } from "vitest";
import {
  anisotropy,
  curvature,
  effectiveRank,
  orbits,
  promptEntropy,
} from "../../../src/measure/states/geometry.ts";
import { gram, rowsOf } from "../../../src/measure/states/rows.ts";
import { symmetricEigen } from "../../../src/measure/states/symmetric.ts";
import { largestGap } from "../../models/tiny.ts";
import { lists, mapped, matrix, normal, rotated, sizes } from "./helpers.ts";

const axes = (k: number, d: number, size = 1) =>
  matrix(
    ...Array.from({ length: k }, (_, row) => Array.from({ length: d }, (_, at) => (at === row ? size : 0))),
  );

describe("symmetricEigen", () => {
  test("eigenvalues 3 and 1 of [[2, 1], [1, 2]], with their vectors", () => {
    const { values, vectors } = symmetricEigen([2, 1, 1, 2], 2);
    expect(largestGap(values, [3, 1])).toBeLessThan(1e-15);
    expect(Math.abs(vectors[0]![0]! - vectors[0]![1]!)).toBeLessThan(1e-15);
    expect(Math.abs(vectors[1]![0]! + vectors[1]![1]!)).toBeLessThan(1e-15);
  });

  test("equal and zero eigenvalues, and no matrix at all", () => {
    expect([...symmetricEigen([5, 0, 0, 0, 5, 0, 0, 0, 0], 3).values]).toEqual([5, 5, 0]);
    expect([...symmetricEigen([], 0).values]).toEqual([]);
  });

  test("agrees with ml-matrix, and A v = l v", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const products = gram(rowsOf(normal(n, d, seed)));
        const { values, vectors } = symmetricEigen(products, n);
        const theirs = new EigenvalueDecomposition(Matrix.from1DArray(n, n, [...products])).realEigenvalues;
        expect(
          largestGap(
            values,
            theirs.sort((a, b) => b - a),
          ),
        ).toBeLessThan(1e-12 * (1 + values[0]!));
        for (const [index, vector] of vectors.entries()) {
          const product = vector.map((_, row) =>
            vector.reduce((sum, value, at) => sum + products[row * n + at]! * value, 0),
          );
          const scaled = vector.map((value) => value * values[index]!);
          expect(largestGap(product, scaled)).toBeLessThan(1e-12 * (1 + values[0]!));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("closed forms", () => {
  test("curvature: 0 along a line, a right angle on stairs, pi to and fro; none of two tokens", () => {
    expect(curvature(matrix([0, 0], [1, 1], [3, 3], [4, 4]))).toBeCloseTo(0, 7);
    expect(curvature(matrix([0, 0], [1, 0], [1, 1], [2, 1], [2, 2]))).toBeCloseTo(Math.PI / 2, 14);
    expect(curvature(matrix([0, 0], [1, 0], [0, 0], [1, 0]))).toBeCloseTo(Math.PI, 14);
    expect(curvature(matrix([0, 0], [1, 0]))).toBeNaN();
  });

  test("curvature of a regular polygon is the angle it turns by", () => {
    const corners = Array.from({ length: 30 }, (_, at) => [Math.cos(at / 5), Math.sin(at / 5)]);
    expect(curvature(matrix(...corners))).toBeCloseTo(1 / 5, 12);
  });

  test("anisotropy: orthogonal tokens 0, one direction 1, two opposed ones -1", () => {
    expect(anisotropy(axes(4, 6, 3))).toBeCloseTo(0, 15);
    expect(anisotropy(matrix([1, 2], [3, 6], [0.5, 1]))).toBeCloseTo(1, 14);
    expect(anisotropy(matrix([1, 2], [-2, -4]))).toBeCloseTo(-1, 14);
    expect(anisotropy(matrix([1, 2]))).toBeNaN();
  });

  test("k orthogonal tokens of one length: entropy ln k, effective rank k", () => {
    for (const k of [1, 2, 5]) {
      expect(promptEntropy(axes(k, 6, 7))).toBeCloseTo(Math.log(k), 13);
      expect(effectiveRank(axes(k, 6, 7))).toBeCloseTo(k, 12);
    }
  });

  test("entropy forgets lengths, effective rank does not", () => {
    const states = matrix([3, 0], [0, 1]);
    expect(promptEntropy(states)).toBeCloseTo(Math.LN2, 14);
    expect(effectiveRank(states)).toBeCloseTo(4 / 3 ** 0.75, 13);
  });

  test("tokens that are all alike have no entropy, whatever rounding leaves", () => {
    const alike = matrix(...Array.from({ length: 9 }, () => [0.1, 0.7, 0.3, 0.11]));
    expect(promptEntropy(alike)).toBeCloseTo(0, 12);
    expect(effectiveRank(alike)).toBeCloseTo(1, 7);
  });
});

describe("for any states", () => {
  test("no rotation changes anything, and anisotropy is the mean cosine, pair by pair", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const states = normal(n, d, seed);
        const turned = rotated(states, seed + 1);
        for (const measure of [curvature, anisotropy, promptEntropy, effectiveRank])
          expect(measure(turned)).toBeCloseTo(measure(states), 10);
        const rows = lists(states);
        const cosines = rows.flatMap((x, i) =>
          rows.flatMap((y, j) =>
            i === j
              ? []
              : [x.reduce((sum, v, at) => sum + v * y[at]!, 0) / Math.hypot(...x) / Math.hypot(...y)],
          ),
        );
        expect(anisotropy(states)).toBeCloseTo(cosines.reduce((a, b) => a + b, 0) / cosines.length, 12);
        expect(promptEntropy(states)).toBeLessThanOrEqual(Math.log(Math.min(n, d)) + 1e-12);
        expect(effectiveRank(states)).toBeLessThanOrEqual(Math.min(n, d) + 1e-9);
      }),
      { numRuns: 40 },
    );
  });

  test("entropy and effective rank are those of ml-matrix's singular values", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const states = normal(n, d, seed);
        const eigen = new EigenvalueDecomposition(
          new Matrix(lists(states)).mmul(new Matrix(lists(states)).transpose()),
        );
        const singular = eigen.realEigenvalues.filter((value) => value > 1e-10).map(Math.sqrt);
        const total = singular.reduce((a, b) => a + b, 0);
        const entropy = singular.reduce((sum, s) => sum - (s / total) * Math.log(s / total), 0);
        expect(effectiveRank(states)).toBeCloseTo(Math.exp(entropy), 6);
      }),
      { numRuns: 30 },
    );
  });
});

describe("orbits", () => {
  test("two tokens that move along two axes: the wider one first, all variance in both", () => {
    const { paths, explained } = orbits([matrix([4, 0, 1], [0, 1, 1]), matrix([-4, 0, 1], [0, -1, 1])], 3);
    expect(explained).toHaveLength(3);
    expect(largestGap(explained, [16 / 17, 1 / 17, 0])).toBeLessThan(1e-14);
    expect(
      largestGap(
        paths[0]!.map(([x]) => x!),
        [4, -4],
      ),
    ).toBeLessThan(1e-13);
    expect(
      largestGap(
        paths[1]!.map(([, y]) => y!),
        [1, -1],
      ),
    ).toBeLessThan(1e-13);
  });

  test("as many components as directions keep every distance, for tall and for wide states", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const loops = [normal(n, d, seed), normal(n, d, seed + 1)];
        const { paths } = orbits(loops, 20);
        const [first, second] = [lists(loops[0]!), lists(loops[1]!)];
        for (let token = 0; token < n; token++) {
          const moved = Math.hypot(...second[token]!.map((value, at) => value - first[token]![at]!));
          const drawn = Math.hypot(...paths[token]![1]!.map((value, at) => value - paths[token]![0]![at]!));
          expect(drawn).toBeCloseTo(moved, 7);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("states that never vary stay in the middle", () => {
    const still = mapped(normal(2, 3, 1), () => 2);
    const { paths, explained } = orbits([still, still], 2);
    expect(explained).toEqual([0, 0]);
    expect(paths.flat(2).every((value) => value === 0)).toBe(true);
  });
});

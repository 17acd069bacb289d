import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, test } from "vitest";
import {
  type PowerOptions,
  type Product,
  spectralNorm,
  spectralRadius,
} from "../../../src/measure/states/radius.ts";
import { rng } from "../../../src/util/rng.ts";
import { lists, normal, rotated } from "./helpers.ts";

const product =
  (rows: readonly (readonly number[])[]): Product =>
  async (vector) =>
    Float64Array.from(rows, (row) => row.reduce((sum, value, at) => sum + value * vector[at]!, 0));
const transposed = (rows: readonly (readonly number[])[]) =>
  rows[0]!.map((_, at) => rows.map((row) => row[at]!));
const options = (size: number, more: Partial<PowerOptions> = {}): PowerOptions => ({
  size,
  random: rng(3, "power"),
  products: 200,
  tolerance: 1e-7,
  ...more,
});
const turn = (radius: number, angle: number) => [
  [radius * Math.cos(angle), -radius * Math.sin(angle)],
  [radius * Math.sin(angle), radius * Math.cos(angle)],
];

describe("spectral radius of matrices with known eigenvalues", () => {
  test("diagonal: the largest, also where it is negative", async () => {
    const found = await spectralRadius(
      product([
        [0.5, 0, 0],
        [0, -0.9, 0],
        [0, 0, 0.1],
      ]),
      options(3),
    );
    expect(found.value).toBeCloseTo(0.9, 6);
    expect(found.kind).not.toBe("unsettled");
  });

  test("a complex pair: a rotation by 0.7 that shrinks by 0.8, seen in three products", async () => {
    const found = await spectralRadius(product(turn(0.8, 0.7)), options(2));
    expect(found).toMatchObject({ kind: "pair", products: 2 });
    expect(found.value).toBeCloseTo(0.8, 12);
  });

  test("a pair among smaller ones, and two of opposite sign", async () => {
    const [[a, b], [c, d]] = turn(1.1, 1.3) as [[number, number], [number, number]];
    const mixed = [
      [a, b, 0.3, 0],
      [c, d, 0, 0.2],
      [0, 0, 0.6, 5],
      [0, 0, 0, -0.7],
    ];
    expect(await spectralRadius(product(mixed), options(4))).toMatchObject({ kind: "pair" });
    expect((await spectralRadius(product(mixed), options(4))).value).toBeCloseTo(1.1, 5);
    const opposed = await spectralRadius(
      product([
        [2, 0],
        [0, -2],
      ]),
      options(2),
    );
    expect(opposed).toMatchObject({ kind: "pair" });
    expect(opposed.value).toBeCloseTo(2, 12);
  });

  test("three eigenvalues of one modulus: it says that it did not settle, and how fast vectors grow", async () => {
    const cycle = [
      [0, 0.8, 0],
      [0, 0, 0.8],
      [0.8, 0, 0],
    ];
    const found = await spectralRadius(product(cycle), options(3, { products: 60 }));
    expect(found).toMatchObject({ kind: "unsettled", products: 60 });
    expect(found.value).toBeCloseTo(0.8, 12);
    expect(found.residual).toBeGreaterThan(0.1);
  });

  test("zero, and a matrix whose square is zero though it has none", async () => {
    expect(
      await spectralRadius(
        product([
          [0, 0],
          [0, 0],
        ]),
        options(2),
      ),
    ).toMatchObject({ value: 0, products: 1 });
    expect(
      (
        await spectralRadius(
          product([
            [0, 9],
            [0, 0],
          ]),
          options(2),
        )
      ).value,
    ).toBe(0);
  });

  test("agrees with ml-matrix for matrices at random", async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const rows = lists(normal(6, 6, seed));
      const { realEigenvalues: re, imaginaryEigenvalues: im } = new EigenvalueDecomposition(new Matrix(rows));
      const expected = Math.max(...re.map((value, at) => Math.hypot(value, im[at]!)));
      const found = await spectralRadius(product(rows), options(6, { products: 3000, tolerance: 1e-9 }));
      expect(found.value).toBeCloseTo(expected, 4);
    }
  });

  test("stops when told to", async () => {
    const signal = AbortSignal.abort();
    await expect(spectralRadius(product([[1]]), options(1, { signal }))).rejects.toThrow("aborted");
  });
});

describe("spectral norm", () => {
  test("of a shear is larger than its radius: 1 + sqrt 2 for [[1, 2], [0, 1]]", async () => {
    const shear = [
      [1, 2],
      [0, 1],
    ];
    const found = await spectralNorm(product(shear), product(transposed(shear)), options(2));
    expect(found.value).toBeCloseTo(1 + Math.SQRT2, 7);
  });

  test("of a rotation is 1", async () => {
    const rows = lists(rotated({ data: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), shape: [3, 3] }, 4));
    const found = await spectralNorm(product(rows), product(transposed(rows)), options(3));
    expect(found.value).toBeCloseTo(1, 12);
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { permutation, rng } from "../../src/util/rng.ts";

test("a stream is a pure function of its seed and name", () => {
  const draw = (seed: number, ...name: (string | number)[]) => {
    const random = rng(seed, ...name);
    return [random.uniform(), random.uniform(), random.normal(), random.below(1000)];
  };
  expect(draw(1, "init", 3)).toEqual(draw(1, "init", 3));
  const others = [draw(2, "init", 3), draw(1, "init", 4), draw(1, "tini", 3), draw(2 ** 40 + 1, "init", 3)];
  for (const other of others) expect(other[0]).not.toBe(draw(1, "init", 3)[0]);
});

test("the numbers of a seed never change: runs and golden files depend on them", () => {
  const random = rng(42, "golden");
  expect([random.uniform(), random.below(1_000_000), random.normal()]).toMatchInlineSnapshot(`
    [
      0.9979198028798799,
      582859,
      0.11025284772256977,
    ]
  `);
});

test("uniform, normal and below have the moments they should", () => {
  const count = 100_000;
  const random = rng(7, "moments");
  const moments = (draw: () => number) => {
    let [sum, squares] = [0, 0];
    for (let index = 0; index < count; index++) {
      const value = draw();
      sum += value;
      squares += value * value;
    }
    return { mean: sum / count, square: squares / count };
  };
  // Bounds are five standard errors.
  const uniform = moments(() => random.uniform());
  expect(Math.abs(uniform.mean - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
  expect(Math.abs(uniform.square - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / count));
  const normal = moments(() => random.normal());
  expect(Math.abs(normal.mean)).toBeLessThan(5 / Math.sqrt(count));
  expect(Math.abs(normal.square - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
});

test("below stays below, and a permutation holds every number once", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 300 }), (seed, length) => {
      const random = rng(seed);
      const value = random.below(length);
      expect(Number.isInteger(value) && value >= 0 && value < length).toBe(true);
      expect([...permutation(length, random)].sort((a, b) => a - b)).toEqual(
        Array.from({ length }, (_, index) => index),
      );
    }),
  );
});

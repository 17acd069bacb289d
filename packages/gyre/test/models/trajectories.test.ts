import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allTrajectories, type SamplerName, sampleUnits } from "../../src/models/trajectories.ts";
import { rng } from "../../src/util/rng.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n - 1, k - 1) * n) / k);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const sum = (numbers: readonly number[]) => numbers.reduce((total, x) => total + x, 0);

/** Probability of units under the official sampler, given their number: each choice is uniform. */
function officialProbability(units: readonly number[]): number {
  let rest = sum(units);
  return units.slice(0, -1).reduce((probability, unit, index) => {
    const choices = rest - (units.length - index - 1);
    rest -= unit;
    return probability / choices;
  }, 1);
}

/** Draws at the full size of the paper, L = 8: 127 trajectories with fewer than 8 loops. */
const grid = 8;
const trajectories = range(1, grid - 1).flatMap((loops) =>
  allTrajectories(grid, loops).map((trajectory) => trajectory.map((dt) => dt * grid)),
);
const draws = 200_000;
const counted = (sampler: SamplerName): Map<string, number> => {
  const random = rng(1, sampler);
  const counts = new Map<string, number>();
  for (let draw = 0; draw < draws; draw++) {
    const key = sampleUnits(sampler, grid, random).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};
const probabilities: Record<SamplerName, (units: readonly number[]) => number> = {
  official: (units) => officialProbability(units) / (grid - 1),
  uniform: (units) => 1 / binomial(grid - 1, units.length - 1) / (grid - 1),
};

describe.each(["official", "uniform"] as const)("the %s sampler", (sampler) => {
  const counts = counted(sampler);

  test("draws each trajectory as often as it should (chi-square, 126 degrees of freedom)", () => {
    expect(sum(trajectories.map(probabilities[sampler]))).toBeCloseTo(1, 12);
    const statistic = trajectories.reduce((total, units) => {
      const expected = draws * probabilities[sampler](units);
      return total + ((counts.get(units.join()) ?? 0) - expected) ** 2 / expected;
    }, 0);
    // One in a thousand draws of a right sampler exceeds 181.
    expect(statistic).toBeLessThan(181);
    expect(counts.size).toBe(trajectories.length);
  });

  test("is a function of its generator", () => {
    const draw = (seed: number) => range(1, 20).map(() => sampleUnits(sampler, grid, rng(seed, "draw")));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  test("parts are whole, positive and sum to the grid, for any grid", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), (size, seed) => {
        const units = sampleUnits(sampler, size, rng(seed));
        expect(sum(units)).toBe(size);
        expect(units.every((unit) => Number.isInteger(unit) && unit >= 1)).toBe(true);
        expect(units.length).toBeLessThan(size);
      }),
    );
  });
});

test("the official sampler is front-loaded: the means that its code gives at L = 8", () => {
  const mean = (loops: number, sampler: SamplerName) =>
    range(0, loops - 1).map((at) =>
      trajectories
        .filter((units) => units.length === loops)
        .reduce((total, units) => {
          const share = sampler === "official" ? officialProbability(units) : 1 / binomial(7, loops - 1);
          return total + share * (units[at] as number);
        }, 0),
    );
  expect(mean(4, "official").map((x) => Number(x.toFixed(6)))).toEqual([3, 2, 1.5, 1.5]);
  expect(mean(4, "uniform").map((x) => Number(x.toFixed(6)))).toEqual([2, 2, 2, 2]);
  expect(officialProbability([6, 1, 1])).toBeCloseTo(1 / 6, 12);
  expect(officialProbability([2, 2, 2, 2])).toBeCloseTo(0.0167, 3);
});

describe("allTrajectories", () => {
  test("of M loops on the 1/L grid there are binomial(L - 1, M - 1), each once, in order", () => {
    for (const size of range(1, 12)) {
      for (const loops of range(1, size)) {
        const all = allTrajectories(size, loops);
        const keys = all.map((trajectory) =>
          trajectory.map((dt) => String.fromCharCode(Math.round(dt * size))),
        );
        const texts = keys.map((key) => key.join(""));
        expect(new Set(texts).size).toBe(Math.round(binomial(size - 1, loops - 1)));
        expect(texts).toEqual([...texts].sort());
        expect(all.every((trajectory) => Math.abs(sum(trajectory) - 1) < 1e-12)).toBe(true);
      }
    }
    expect(allTrajectories(8, 4)).toHaveLength(35);
    expect(allTrajectories(12, 6)).toHaveLength(462);
  });

  test("small ones by hand", () => {
    expect(allTrajectories(4, 2)).toEqual([
      [0.25, 0.75],
      [0.5, 0.5],
      [0.75, 0.25],
    ]);
  });

  test.each([0, 9, 2.5, -1])("%d loops on the 1/8 grid are refused", (loops) => {
    const error = errorOf(() => allTrajectories(8, loops));
    expect(error.code).toBe("TRAJECTORY");
    expect(error.message).toContain(`trajectories of ${loops} loops on the 1/8 grid`);
    expect(error.message).toContain("a whole number of loops from 1 to 8");
  });
});

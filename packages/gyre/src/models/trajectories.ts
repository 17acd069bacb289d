import type { Rng } from "../util/rng.ts";
import { badTrajectoryLoops } from "./errors.ts";

/**
 * How training draws a short trajectory of S steps on the 1/L grid. `official`: step by step, each uniform
 * over what leaves 1/L for every later step, so long steps come first (LoopFormer utils.py). `uniform`: every
 * composition of L into S parts is equally likely.
 */
export const samplerNames = ["official", "uniform"] as const;
/** How short trajectories are drawn in training: as the official code does, or uniformly. */
export type SamplerName = (typeof samplerNames)[number];

/** A trajectory in whole units of 1/L: S from 1 to L - 1 uniformly, then S positive parts that sum to L. */
export function sampleUnits(sampler: SamplerName, grid: number, random: Rng): number[] {
  const steps = 1 + random.below(grid - 1);
  return sampler === "official" ? frontLoaded(grid, steps, random) : uniformComposition(grid, steps, random);
}

function frontLoaded(grid: number, steps: number, random: Rng): number[] {
  let rest = grid;
  return Array.from({ length: steps }, (_, index) => {
    const later = steps - index - 1;
    const units = later === 0 ? rest : 1 + random.below(rest - later);
    rest -= units;
    return units;
  });
}

function uniformComposition(grid: number, steps: number, random: Rng): number[] {
  const cuts = new Set<number>();
  while (cuts.size < steps - 1) cuts.add(1 + random.below(grid - 1));
  const ends = [...cuts, grid].sort((a, b) => a - b);
  return ends.map((end, index) => end - (ends[index - 1] ?? 0));
}

/** All trajectories of `steps` steps on the 1/`grid` grid, in lexicographic order; throws TRAJECTORY. */
export function allTrajectories(grid: number, steps: number): number[][] {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= grid)) throw badTrajectoryLoops(steps, grid);
  const compose = (rest: number, parts: number): number[][] =>
    parts === 1
      ? [[rest]]
      : Array.from({ length: rest - parts + 1 }, (_, index) => index + 1).flatMap((first) =>
          compose(rest - first, parts - 1).map((others) => [first, ...others]),
        );
  return compose(grid, steps).map((units) => units.map((unit) => unit / grid));
}

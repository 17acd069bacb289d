import { unknownName } from "../../util/errors.ts";
import type { FigureRecipe } from "./figure.ts";
import { linearBound, linearDimension } from "./linear-bounds.ts";
import { linearExact } from "./linear-exact.ts";
import { linearFree } from "./linear-free.ts";
import { linearNewton } from "./linear-newton.ts";
import { linearSamples, linearTrained } from "./linear-trained.ts";
import {
  algoformerExamples,
  algoformerLoops,
  algoformerNoise,
  loopedExamples,
  loopedLoops,
  loopedNoise,
  otherTasks,
} from "./trained.ts";

/** Every figure that can be reproduced. */
export const figures: readonly FigureRecipe[] = [
  linearExact,
  linearNewton,
  linearBound,
  linearDimension,
  linearTrained,
  linearSamples,
  linearFree,
  loopedExamples,
  loopedLoops,
  loopedNoise,
  algoformerExamples,
  algoformerLoops,
  algoformerNoise,
  ...otherTasks,
];

/** The figure of that name, or all of them for "all". Throws LAB_NAME. */
export function figuresNamed(name: string): readonly FigureRecipe[] {
  const found = figures.filter((figure) => name === "all" || figure.name === name);
  if (found.length === 0) throw unknownName("figure", name, [...figures.map((figure) => figure.name), "all"]);
  return found;
}

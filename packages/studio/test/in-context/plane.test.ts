import { type Baseline, leastSquares as bestOf, gradientSteps, newton } from "gyre/lab";
import { expect, it } from "vitest";
import {
  contraction,
  descentLines,
  distance,
  type Line,
  leastSquares,
  loopedLines,
  momentsOf,
  newtonLines,
  type Point,
} from "../../src/in-context/plane.ts";

const points: Point[] = [
  { x: -0.6, y: -0.4 },
  { x: 0.1, y: 0.3 },
  { x: 0.4, y: 0.35 },
  { x: 0.9, y: 0.8 },
];

/** What the library's algorithm predicts at x. */
function predicted(algorithm: Baseline, x: number): number {
  const xs = Float64Array.from([...points.flatMap((point) => [1, point.x]), 1, x]);
  const ys = Float64Array.from([...points.map(({ y }) => y), 0]);
  const sizes = { batch: 1, readings: points.length + 1, width: 2, outputs: 1, stages: 1 };
  return algorithm.predict({ xs, ys, ...sizes }).at(-1) as number;
}
const at = ({ intercept, slope }: Line, x: number) => intercept + slope * x;

it.each([1, 3, 10])("lines after %i steps are those of the library's algorithms", (steps) => {
  for (const x of [-1, 0.5]) {
    const own = predicted(gradientSteps({ steps }), x);
    expect(at(descentLines(points, steps)[steps] as Line, x)).toBeCloseTo(own, 7);
    expect(at(loopedLines(points, steps)[steps] as Line, x)).toBeCloseTo(own, 7);
    expect(at(newtonLines(points, steps)[steps] as Line, x)).toBeCloseTo(predicted(newton({ steps }), x), 7);
    expect(at(leastSquares(points), x)).toBeCloseTo(predicted(bestOf(), x), 9);
  }
});

it("more steps come closer, and nothing comes closer than least squares", () => {
  const lines = descentLines(points, 60).map((line) => distance(line, points));
  for (const [step, off] of lines.slice(1).entries()) expect(off).toBeLessThanOrEqual(lines[step] as number);
  const best = distance(leastSquares(points), points);
  expect(lines.at(-1)).toBeCloseTo(best, 4);
  expect(best).toBeLessThanOrEqual(lines.at(-1) as number);
  const above = [
    { x: 0, y: 1 },
    { x: 0, y: 0 },
  ];
  expect(leastSquares(above)).toEqual({ intercept: 0.5, slope: 0 });
  expect(momentsOf(above).least).toBeCloseTo(0, 12);
});

it.each([1, 5, 50])("the error stays below its bound at condition number %d", (kappa) => {
  const all = contraction(kappa, 30);
  expect(all[0]).toMatchObject({ error: 1, bound: 1 });
  for (const { loops, error, bound } of all) {
    expect(error).toBeLessThanOrEqual(bound + 1e-9);
    if (loops > 0) expect(error).toBeCloseTo((1 - 1 / kappa) ** loops / 2, 9);
  }
});

import { interpret, type Tensor } from "gyre";
import { construct, linearGraph } from "gyre/lab";

// Lines through points of a plane: the inputs are (1, x), so that a line is two weights, intercept and slope.

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** y = intercept + slope x. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
}

/** S = X X^T / n and b = X y / n of the points, and the eigenvalues of S. */
interface Moments {
  readonly S: readonly [number, number, number];
  readonly b: readonly [number, number];
  readonly least: number;
  readonly most: number;
}

export function momentsOf(points: readonly Point[]): Moments {
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [cross, square] = [mean(({ x }) => x), mean(({ x }) => x * x)];
  const [middle, half] = [(1 + square) / 2, Math.hypot((1 - square) / 2, cross)];
  return {
    S: [1, cross, square],
    b: [mean(({ y }) => y), mean(({ x, y }) => x * y)],
    least: middle - half,
    most: middle + half,
  };
}

/** The line of least squares; of points above each other, the one through their middle. */
export function leastSquares(points: readonly Point[]): Line {
  const { S, b } = momentsOf(points);
  const determinant = S[0] * S[2] - S[1] * S[1];
  if (determinant < 1e-12) return { intercept: b[0], slope: 0 };
  return {
    intercept: (S[2] * b[0] - S[1] * b[1]) / determinant,
    slope: (S[0] * b[1] - S[1] * b[0]) / determinant,
  };
}

/** Lines after 0 .. `steps` steps of gradient descent from 0 with step size 1 / most. */
export function descentLines(points: readonly Point[], steps: number): Line[] {
  const { S, b, most } = momentsOf(points);
  const lines: Line[] = [{ intercept: 0, slope: 0 }];
  for (let step = 0; step < steps; step++) {
    const { intercept, slope } = lines.at(-1) as Line;
    lines.push({
      intercept: intercept - (S[0] * intercept + S[1] * slope - b[0]) / most,
      slope: slope - (S[1] * intercept + S[2] * slope - b[1]) / most,
    });
  }
  return lines;
}

/** Lines M b after 0 .. `steps` steps M <- 2 M - M S M of Newton's method for the inverse of S, from S / most^2. */
export function newtonLines(points: readonly Point[], steps: number): Line[] {
  const { S, b, most } = momentsOf(points);
  // M is a polynomial of S, so that all products commute and are symmetric
  let M: readonly [number, number, number] = [S[0] / most ** 2, S[1] / most ** 2, S[2] / most ** 2];
  const lineOf = () => ({ intercept: M[0] * b[0] + M[1] * b[1], slope: M[1] * b[0] + M[2] * b[1] });
  const lines = [lineOf()];
  for (let step = 0; step < steps; step++) {
    const MSM = times(times(M, S), M);
    M = [2 * M[0] - MSM[0], 2 * M[1] - MSM[1], 2 * M[2] - MSM[2]];
    lines.push(lineOf());
  }
  return lines;
}

type Symmetric = readonly [number, number, number];
const times = (a: Symmetric, b: Symmetric): [number, number, number] => [
  a[0] * b[0] + a[1] * b[1],
  a[0] * b[1] + a[1] * b[2],
  a[1] * b[1] + a[2] * b[2],
];

/**
 * Lines that a linear looped transformer predicts after 0 .. `loops` loops: its graph, with the constructed weights, reads the
 * points and is asked at x = 0 and x = 1.
 */
export function loopedLines(points: readonly Point[], loops: number): Line[] {
  const inputs = points.map(({ x, y }) => ({ input: [1, x], label: y }));
  const { most } = momentsOf(points);
  const predictions = [0, 1].map((x) => loopedPredictions(inputs, [1, x], { loops, stepSize: 1 / most }));
  return Array.from({ length: loops + 1 }, (_, at) => {
    const intercept = predictions[0]?.[at] ?? 0;
    return { intercept, slope: (predictions[1]?.[at] ?? 0) - intercept };
  });
}

interface Example {
  readonly input: readonly number[];
  readonly label: number;
}

/** What the linear looped transformer predicts for a query after 0 .. `loops` loops. */
function loopedPredictions(
  examples: readonly Example[],
  query: readonly number[],
  { loops, stepSize }: { readonly loops: number; readonly stepSize: number },
): number[] {
  const dims = query.length;
  const taps = Array.from({ length: loops + 1 }, (_, at) => at);
  const rows = [...query.map((_, dim) => [...examples.map(({ input }) => input[dim] ?? 0), query[dim] ?? 0])];
  rows.push([...examples.map(({ label }) => label), 0]);
  const Z = { data: Float64Array.from(rows.flat()), shape: [1, dims + 1, examples.length + 1] };
  const weights = construct({ dims, outputs: 1, preconditioner: stepSize });
  const graph = linearGraph({ batch: 1, examples: examples.length, dims, outputs: 1, taps });
  const outputs = interpret(graph, new Map<string, Tensor>(Object.entries({ Z, ...weights })));
  return taps.map((at) => Number(outputs.get(`prediction/${at}`)?.data[0] ?? Number.NaN));
}

/** Root of the mean square distance of a line from the points. */
export function distance({ intercept, slope }: Line, points: readonly Point[]): number {
  const squares = points.map(({ x, y }) => (intercept + slope * x - y) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / points.length);
}

/** The error of the looped transformer after each loop on the problem that is hardest for its condition number, and what bounds it. */
export interface Contraction {
  readonly loops: number;
  /** Share of the first error that is left. */
  readonly error: number;
  readonly bound: number;
}

/**
 * One step size for two directions, whose curvatures are 1 and 1 / kappa: the slow one keeps (1 - 1 / kappa)^T, and exp(-T / (2 kappa)) bounds
 * all errors (Chen et al., arXiv 2410.11268, section 4).
 */
export function contraction(kappa: number, loops: number): Contraction[] {
  const [fast, slow] = [Math.SQRT2, Math.sqrt(2 / kappa)];
  const target = Math.SQRT1_2;
  const examples = [
    { input: [fast, 0], label: fast * target },
    { input: [0, slow], label: slow * target },
  ];
  const query = [target, target];
  const predictions = loopedPredictions(examples, query, { loops, stepSize: 1 });
  return predictions.map((prediction, at) => ({
    loops: at,
    error: Math.abs(1 - prediction),
    bound: Math.exp(-at / (2 * kappa)),
  }));
}

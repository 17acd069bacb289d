import { describe, expect, test } from "vitest";
import { baselineNamed, baselines } from "../../src/tasks/baselines/index.ts";
import { gradientSteps, lasso, leastSquares, newton, ridge } from "../../src/tasks/baselines/linear.ts";
import { gradientBoosting, greedyTree, nearestNeighbours } from "../../src/tasks/baselines/local.ts";
import type { Drawn, Problem } from "../../src/tasks/task.ts";
import { vectorTaskNamed, vectorTasks } from "../../src/tasks/vectors/index.ts";
import { mean } from "../../src/util/statistics.ts";

/** Mean squared error over the scale at each reading. */
function errorsOf({ problem }: Drawn, predictions: Float64Array, scale: number): number[] {
  const { batch, readings, outputs, ys } = problem;
  return Array.from({ length: readings }, (_, reading) => {
    let sum = 0;
    for (let prompt = 0; prompt < batch; prompt++)
      for (let output = 0; output < outputs; output++) {
        const at = (prompt * readings + reading) * outputs + output;
        sum += (predictions[at]! - ys[at]!) ** 2;
      }
    return sum / batch / scale;
  });
}

describe.each(vectorTasks.map((task) => [task.name, task] as const))("%s", (_, task) => {
  const options = { seed: 1, stream: "evaluation", batch: 16, points: task.points, dims: task.dims };
  const drawn = task.draw(options);

  test("has the shapes that it says, and draws the same again", () => {
    const { tokens, targets, batch, length, width, outputs, readAt, problem } = drawn;
    expect({ batch, width, outputs }).toEqual({ batch: 16, width: task.tokenWidth, outputs: task.outputs });
    expect(tokens.length).toBe(batch * length * width);
    expect(targets.length).toBe(batch * readAt.length * outputs);
    expect(Math.max(...readAt)).toBeLessThan(length);
    expect(problem.xs.length).toBe(batch * problem.readings * problem.width);
    expect(problem.readings).toBe(readAt.length);
    expect(Float32Array.from(problem.ys)).toEqual(targets);
    expect(task.draw(options)).toEqual(drawn);
    expect(task.draw({ ...options, stream: "train 0" }).tokens).not.toEqual(tokens);
  });

  test("keeps coordinates that are not in use at zero", () => {
    const { problem } = task.draw({ ...options, dims: 2 });
    const own = task.dims;
    problem.xs.forEach((value, at) => {
      if (
        (at % problem.width) % own >= 2 &&
        !(task.name === "chain-of-thought" && Math.floor(at / own) % 2 === 1)
      )
        expect(value).toBe(0);
    });
  });

  test("is scored about 1 by predicting the mean, and each of its baselines is finite", () => {
    const { batch, readings, outputs } = drawn.problem;
    const zero = mean(errorsOf(drawn, new Float64Array(batch * readings * outputs), task.scale));
    expect(zero).toBeGreaterThan(0.3);
    expect(zero).toBeLessThan(3);
    for (const name of task.baselines) {
      const predictions = baselineNamed(name).predict(drawn.problem);
      expect(predictions.every(Number.isFinite), name).toBe(true);
      expect(predictions.length).toBe(drawn.problem.ys.length);
    }
  });
});

describe("tasks have the structure that their names promise", () => {
  const at = (name: string, noise?: number) => {
    const task = vectorTaskNamed(name);
    const { points, dims } = task;
    const drawn = task.draw({
      seed: 2,
      stream: "x",
      batch: 60,
      points,
      dims,
      ...(noise === undefined ? {} : { noise }),
    });
    return (baseline: string) =>
      errorsOf(drawn, baselineNamed(baseline).predict(drawn.problem), task.scale).at(-1) ?? Number.NaN;
  };
  test("least squares solves what is linear, in inputs or in features", () => {
    expect(at("linear")("least-squares")).toBeLessThan(1e-20);
    expect(at("noisy-linear")("least-squares")).toBeGreaterThan(1e-4);
    expect(at("noisy-linear", 0)("least-squares")).toBeLessThan(1e-20);
    expect(at("representation")("least-squares-features")).toBeLessThan(1e-15);
    expect(at("representation")("least-squares")).toBeGreaterThan(0.1);
    expect(at("autoregression", 0)("least-squares-features")).toBeLessThan(1e-15);
  });
  test("trees are for trees, and knowing the last vector is not enough for a series", () => {
    const tree = at("decision-tree");
    expect(tree("decision-tree")).toBeLessThan(tree("least-squares"));
    const series = at("autoregression");
    expect(series("least-squares-features")).toBeLessThan(0.3 * series("repeat-last"));
  });
  test("the middle layer written out makes two regressions of one", () => {
    expect(at("chain-of-thought")("least-squares")).toBeLessThan(
      at("chain-of-thought-hidden")("least-squares"),
    );
  });
});

/** One prompt of pairs with one output. */
function problem(xs: readonly (readonly number[])[], ys: readonly number[]): Problem {
  const width = xs[0]!.length;
  return {
    xs: Float64Array.from(xs.flat()),
    ys: Float64Array.from(ys),
    batch: 1,
    readings: ys.length,
    width,
    outputs: 1,
    stages: 1,
  };
}

describe("baselines on cases worked by hand", () => {
  const line = problem([[1], [2], [3]], [2, 3, 0]);
  const cases: readonly [string, { predict(p: Problem): Float64Array }, Problem, readonly number[]][] = [
    // w = 2; then w = (1*2 + 2*3) / (1 + 4) = 1.6
    ["least squares", leastSquares(), line, [0, 4, 4.8]],
    // One example (1, 1) with y = 2: the solution of least norm is (1, 1).
    [
      "least squares of least norm",
      leastSquares(),
      problem(
        [
          [1, 1],
          [3, 1],
        ],
        [2, 0],
      ),
      [0, 4],
    ],
    // w = 2 / (1 + 1); then 8 / (5 + 1)
    ["ridge", ridge({ lambda: 1 }), line, [0, 2, 4]],
    // w = 2 - 0.5; then (8/2 - 0.5) / (5/2) = 1.4
    ["lasso", lasso({ alpha: 0.5 }), line, [0, 3, 4.2]],
    ["averaging", baselineNamed("averaging"), line, [0, 4, 12]],
    [
      "nearest neighbours",
      nearestNeighbours({ count: 2 }),
      problem([[0], [1], [5], [4]], [1, 3, 9, 0]),
      [0, 1, 2, 6],
    ],
    // In one dimension, one step with step size 1/S is the solution.
    ["one step of gradient descent", gradientSteps({ steps: 1 }), line, [0, 4, 4.8]],
    // S = diag(2, 1/2), b = (2, 1): from zero, step 1/2: (1, 1/2), then (1, 7/8).
    [
      "two steps of gradient descent",
      gradientSteps({ steps: 2 }),
      problem(
        [
          [2, 0],
          [0, 1],
          [1, 1],
        ],
        [2, 2, 0],
      ),
      [0, 0, 1 + 0.875],
    ],
    // S = diag(2, 1/2): M_0 = S/4 = diag(1/2, 1/8), M_1 = 2M - MSM = diag(1/2, 31/128); b = (2, 1).
    [
      "a step of Newton's method",
      newton({ steps: 1 }),
      problem(
        [
          [2, 0],
          [0, 1],
          [1, 1],
        ],
        [2, 2, 0],
      ),
      [0, 0, 1 + 31 / 128],
    ],
    [
      "a tree",
      greedyTree({ depth: 1 }),
      problem([[0], [1], [2], [3], [0.4]], [0, 0, 1, 1, 0]),
      [0, 0, 0, 1, 0],
    ],
    // One stump with half the step: half the label of its side.
    [
      "gradient boosting",
      gradientBoosting({ trees: 1, depth: 1, rate: 0.5 }),
      problem([[0], [1], [2], [3], [2.6]], [0, 0, 1, 1, 0]),
      [0, 0, 0, 0.5, 0.5],
    ],
    [
      "the last vector",
      baselineNamed("repeat-last"),
      problem(
        [
          [1, 2],
          [2, 3],
        ],
        [3, 4],
      ),
      [0, 3],
    ],
  ];
  test.each(cases)("%s", (_, { predict }, given, expected) => {
    const predictions = predict(given);
    expected.forEach((value, at) => void expect(predictions[at]).toBeCloseTo(value, 6));
  });

  // S = diag(2, 1/2), w = (1, 2): what is missing of coordinate i after T steps is w_i (1 - (s_i / 2)^2)^(2^T).
  test.each([1, 2, 3, 4, 6, 8])("Newton's method converges quadratically: %i steps", (steps) => {
    const prompt = problem(
      [
        [2, 0],
        [0, 1],
        [0, 1],
      ],
      [2, 2, 2],
    );
    const missing = 2 - (newton({ steps }).predict(prompt)[2] as number);
    expect(missing).toBeCloseTo(2 * (15 / 16) ** (2 ** steps), 8);
  });

  test("every name is unique and described", () => {
    expect(new Set(baselines.map(({ name }) => name)).size).toBe(baselines.length);
    for (const task of vectorTasks)
      for (const name of task.baselines) expect(baselineNamed(name).name).toBe(name);
  });
});

describe("refusals", () => {
  const linear = vectorTaskNamed("linear");
  const legal = { seed: 1, stream: "x", batch: 2, points: 4, dims: 5 };
  test.each([
    [{ batch: 0 }, /LAB_DRAW: batch 0\n {2}expected: a whole number of at least 1/],
    [{ points: 1.5 }, /LAB_DRAW: points 1.5/],
    [{ dims: 6 }, /LAB_DRAW: dims 6\n {2}expected: a whole number from 1 to 5/],
    [{ noise: -1 }, /LAB_DRAW: noise -1/],
  ])("of a draw with %j", (wrong, message) => {
    expect(() => linear.draw({ ...legal, ...wrong })).toThrow(message);
  });
  test("of names, settings and missing features", () => {
    expect(() => vectorTaskNamed("cubic")).toThrow(
      /LAB_NAME: the task "cubic"\n {2}expected: "linear", "noisy-linear"/,
    );
    expect(() => baselineNamed("magic")).toThrow(/LAB_NAME: the baseline "magic"/);
    expect(() => ridge({ lambda: 0 })).toThrow(/LAB_BASELINE: lambda 0\n {2}expected: a number above 0/);
    expect(() => newton({ steps: 0.5 })).toThrow(/LAB_BASELINE: steps 0.5/);
    expect(() => nearestNeighbours({ count: 0 })).toThrow(/LAB_BASELINE: count 0/);
    expect(() => greedyTree({ depth: 0 })).toThrow(/LAB_BASELINE: depth 0/);
    expect(() => gradientBoosting({ rate: 2 })).toThrow(/LAB_BASELINE: rate 2/);
    expect(() => baselineNamed("least-squares-features").predict(linear.draw(legal).problem)).toThrow(
      /LAB_FEATURES: the baseline "least-squares-features"/,
    );
  });
});

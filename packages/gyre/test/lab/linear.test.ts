import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, test } from "vitest";
import { boundNames, checkThroughGraph, measureBounds } from "../../src/lab/linear/bounds.ts";
import { construct } from "../../src/lab/linear/construct.ts";
import { gradientDescent } from "../../src/lab/linear/descent.ts";
import { constructNewton, newtonPrompt, newtonSteps, normalEquations } from "../../src/lab/linear/newton.ts";
import { drawLinear, inputLaw, inputNames, momentsOf } from "../../src/lab/linear/prompts.ts";
import { linearErrors, linearRecipe, trainLinear } from "../../src/lab/linear/train.ts";
import { drawMoments } from "../../src/lab/linear/wishart.ts";
import { linearGraph, momentGraph } from "../../src/models/linear.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { mean } from "../../src/util/statistics.ts";

const loops = Array.from({ length: 31 }, (_, loop) => loop);
const draw = (dims: number, outputs: number, batch = 2) =>
  drawLinear({
    seed: 3,
    stream: "test",
    batch,
    examples: 4 * dims,
    outputs,
    inputs: inputLaw("gaussian", dims),
    prior: "isotropic",
  });
/** A matrix that is not symmetric, near 0.4 I. */
const skewed = (dims: number) =>
  Float64Array.from({ length: dims * dims }, (_, at) => (at % (dims + 1) === 0 ? 0.4 : 0.02 * Math.sin(at)));
const tensor = (data: Float64Array, ...shape: number[]) => ({ data, shape });
const float64 = () => openOnnxRuntime({ precision: "float64", threads: 1 });

describe("T loops with the constructed weights are T steps of gradient descent", () => {
  const cases = [
    [5, 1],
    [8, 3],
  ] as const;
  test.each(cases)("d = %i, k = %i, on the interpreter and on onnxruntime", async (dims, outputs) => {
    const prompts = draw(dims, outputs);
    const { Z, batch, examples } = prompts;
    const graph = linearGraph({ batch, examples, dims, outputs, taps: loops });
    const weights = construct({ dims, outputs, preconditioner: skewed(dims) });
    const inputs = new Map(Object.entries({ Z: tensor(Z, batch, dims + outputs, examples + 1), ...weights }));
    await using onnx = await float64();
    for (const runtime of [interpreterRuntime(), onnx]) {
      const results = await (await runtime.compile(graph)).run(inputs);
      let worst = 0;
      for (let prompt = 0; prompt < batch; prompt++) {
        const expected = gradientDescent(prompts, prompt, skewed(dims), 30);
        for (const loop of loops) {
          const given = results.get(`prediction/${loop}`)?.data ?? [];
          for (let output = 0; output < outputs; output++)
            worst = Math.max(
              worst,
              Math.abs((given[prompt * outputs + output] ?? NaN) - expected[loop * outputs + output]!),
            );
        }
      }
      expect(worst).toBeLessThan(1e-12);
    }
  });

  test("the labels of the examples hold y - W^T x; the inputs never change", async () => {
    const prompts = draw(5, 1, 1);
    const graph = linearGraph({ batch: 1, examples: 20, dims: 5, outputs: 1, taps: [7] });
    const weights = construct({ dims: 5, outputs: 1, preconditioner: 0.4 });
    const inputs = new Map(Object.entries({ Z: tensor(prompts.Z, 1, 6, 21), ...weights }));
    const after = (await (await interpreterRuntime().compile(graph)).run(inputs)).get("Z")!.data;
    expect([...after.slice(0, 105)]).toEqual([...prompts.Z.slice(0, 105)]);
    const w = new Float64Array(5);
    const x = (dim: number, at: number) => prompts.Z[dim * 21 + at]!;
    const residual = (at: number) => x(5, at) - w.reduce((sum, weight, dim) => sum + weight * x(dim, at), 0);
    for (let step = 0; step < 7; step++) {
      const residuals = Array.from({ length: 20 }, (_, at) => residual(at));
      for (let dim = 0; dim < 5; dim++)
        w[dim] = w[dim]! + 0.02 * residuals.reduce((sum, r, at) => sum + r * x(dim, at), 0);
    }
    for (let at = 0; at < 20; at++) expect(after[105 + at]).toBeCloseTo(residual(at), 12);
  });

  test("a preconditioner of the wrong size is refused", () => {
    expect(() =>
      construct({ dims: 3, outputs: 1, preconditioner: new Float64Array(8) }),
    ).toThrowErrorMatchingInlineSnapshot(`
      [GyreError: LAB_CONSTRUCT: a preconditioner of 8 numbers for inputs of 3 coordinates
        expected: 9 numbers, a [3, 3] matrix row by row, or one step size
        fix: pass the matrix that multiplies the gradient]
    `);
  });
});

describe("with the weights of Newton's method", () => {
  const prompts = draw(6, 1, 4);
  const problems = Array.from({ length: 4 }, (_, prompt) =>
    normalEquations(prompts, momentsOf(prompts), prompt),
  );
  const taps = Array.from({ length: 13 }, (_, loop) => loop);
  const graph = linearGraph({ batch: 4, examples: 6, dims: 12, outputs: 6, taps });
  const inputs = new Map(Object.entries({ Z: newtonPrompt(problems), ...constructNewton(6) }));

  test("T loops are T steps for the inverse, on the interpreter and on onnxruntime", async () => {
    await using onnx = await float64();
    for (const runtime of [interpreterRuntime(), onnx]) {
      const results = await (await runtime.compile(graph)).run(inputs);
      for (const [prompt, equations] of problems.entries())
        for (const [loop, expected] of newtonSteps(equations, 12).entries())
          for (const [dim, weight] of expected.entries())
            expect(results.get(`prediction/${loop}`)!.data[prompt * 6 + dim]).toBeCloseTo(-weight, 12);
    }
  });

  test("the columns hold an inverse whose error is squared by every loop", async () => {
    for (const loops of [1, 2, 3, 4]) {
      const run = linearGraph({ batch: 4, examples: 6, dims: 12, outputs: 6, taps: [loops] });
      const after = (await (await interpreterRuntime().compile(run)).run(inputs)).get("Z")!.data;
      for (const [prompt, { S, most, least }] of problems.entries()) {
        const rows = Array.from({ length: 6 }, (_, row) => {
          const start = (prompt * 18 + 12 + row) * 7;
          return [...after.slice(start, start + 6)];
        });
        const off = Matrix.sub(Matrix.eye(6), new Matrix(rows).mmul(S));
        const { realEigenvalues } = new EigenvalueDecomposition(off);
        expect(Math.max(...realEigenvalues)).toBeCloseTo((1 - (least / most) ** 2) ** (2 ** loops), 10);
      }
    }
  });
});

test("second moments lead to the same predictions as whole prompts, with any weights", async () => {
  const prompts = draw(4, 2, 3);
  const { Z, batch, examples } = prompts;
  const weight = (phase: number) =>
    tensor(
      Float64Array.from({ length: 36 }, (_, at) => 0.2 * Math.sin(phase + at)),
      6,
      6,
    );
  const weights = { P: weight(1), Q: weight(2) };
  const { G, z } = momentsOf(prompts);
  const shape = { batch, dims: 4, outputs: 2, taps: [0, 1, 3] };
  const runtime = interpreterRuntime();
  const whole = await (await runtime.compile(linearGraph({ ...shape, examples }))).run(
    new Map(Object.entries({ Z: tensor(Z, batch, 6, examples + 1), ...weights })),
  );
  const short = await (await runtime.compile(momentGraph(shape))).run(
    new Map(Object.entries({ G: tensor(G, batch, 6, 6), z: tensor(z, batch, 6, 1), ...weights })),
  );
  for (const tap of shape.taps) {
    const expected = whole.get(`prediction/${tap}`)!.data;
    short
      .get(`prediction/${tap}`)!
      .data.forEach((value, at) => void expect(value).toBeCloseTo(expected[at]!, 10));
  }
});

test("moments drawn directly have the law of those of drawn prompts", () => {
  const inputs = { kind: "gaussian", scales: [1, 0.5] } as const;
  const law = {
    seed: 1,
    stream: "law",
    batch: 20_000,
    examples: 6,
    outputs: 1,
    inputs,
    prior: "matched",
  } as const;
  const direct = drawMoments(law).moments.G;
  const drawn = momentsOf(drawLinear(law)).G;
  for (let entry = 0; entry < 9; entry++) {
    const values = (all: Float64Array) => all.filter((_, at) => at % 9 === entry);
    expect(mean(values(direct))).toBeCloseTo(mean(values(drawn)), 1);
    const square = (all: Float64Array) => mean(values(all).map((value) => Math.min(9, value * value)));
    expect(square(direct) / square(drawn)).toBeCloseTo(1, 1);
  }
  expect(() => drawMoments({ ...law, examples: 1 })).toThrow(
    /LAB_DRAW: examples 1\n {2}expected: at least as many as dims, 2/,
  );
  expect(() => drawMoments({ ...law, inputs: inputLaw("spherical", 2) })).toThrow(
    /LAB_DRAW: inputs spherical/,
  );
  expect(() => drawLinear({ ...law, examples: 0 })).toThrow(/LAB_DRAW: examples 0/);
});

describe("bounds", () => {
  test.each(inputNames)("no error is above a bound, %s inputs, n = 4d", async (inputs) => {
    const cell = { inputs, dims: 5, ratio: 4 };
    const options = { seed: 1, prompts: 20, loops: 100 };
    const result = measureBounds(cell, options);
    expect(result.violations).toEqual({ textbook: 0, exponential: 0, optimal: 0 });
    expect(result.checks).toBe(20 * 101 * boundNames.length);
    expect(result.violationsOfInitialError).toBeGreaterThan(0);
    await using runtime = await float64();
    expect(await checkThroughGraph(runtime, cell, options, 1)).toBeLessThan(1e-12);
  });
});

describe("training", () => {
  const options = {
    ...linearRecipe,
    inputs: inputLaw("gaussian", 3),
    parametrisation: "restricted",
    examples: 30,
    loops: 1,
    batch: 64,
    steps: 400,
    seed: 0,
  } as const;

  test("of A finds about the inverse of the covariance", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const { weights, losses } = await trainLinear(runtime, options);
    expect(losses.at(-1)).toBeLessThan(0.3 * losses[0]!);
    const Q = weights.Q.data;
    for (let row = 0; row < 3; row++)
      for (let column = 0; column < 3; column++)
        expect(Q[row * 4 + column]).toBeCloseTo(row === column ? 0.88 : 0, 0.8);
    await using exact = await float64();
    const prompts = draw(3, 1, 200);
    const errors = await linearErrors(exact, weights, prompts, [1, 2]);
    expect(mean(errors.get(2)!)).toBeLessThan(mean(errors.get(1)!));
  });

  // Made when the linear theory still had a loop of its own; float32 sums may differ by machine in the last digits.
  test.each([
    ["restricted", "gaussian", 30, 0.02040768414735794],
    ["restricted", "spherical", 12, 0.05814817361533642],
    ["free", "gaussian", 30, 0.014843374956399202],
    ["free", "spherical", 12, 0.04489166848361492],
  ] as const)(
    "the %s model on %s inputs ends where it did",
    async (parametrisation, kind, examples, last) => {
      await using runtime = await openOnnxRuntime({ threads: 1 });
      const law = { inputs: inputLaw(kind, 3), examples, loops: 3, steps: 200, seed: 3 };
      const { losses } = await trainLinear(runtime, { ...options, ...law, parametrisation });
      expect(losses.at(-1)).toBeCloseTo(last, 6);
    },
  );

  test("refuses a runtime of the wrong precision and a run that diverges", async () => {
    const exact = interpreterRuntime();
    await expect(trainLinear(exact, options)).rejects.toThrow(/LAB_LINEAR[\s\S]*a float32 runtime/);
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const weights = construct({ dims: 3, outputs: 1, preconditioner: 1 });
    await expect(linearErrors(runtime, weights, draw(3, 1), [1])).rejects.toThrow(/a float64 runtime/);
    await expect(trainLinear(runtime, { ...options, loops: 8, learningRate: 1e6 })).rejects.toThrow(
      /LAB_LINEAR: learningRate 1000000\n {2}expected: finite gradients/,
    );
  });
});

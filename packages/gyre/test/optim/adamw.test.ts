import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clipScale, globalNorm, initAdamW, updateAdamW } from "../../src/optim/adamw.ts";

const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.2, learningRate: 0.1 };
const weightsOf = (values: readonly number[], shape: readonly number[]) =>
  new Map([["w", { data: Float32Array.from(values), shape }]]);

/** The weights after each gradient in turn. */
function updated(
  start: readonly number[],
  shape: readonly number[],
  gradients: readonly (readonly number[])[],
  changes: Partial<typeof options> & { gradientScale?: number } = {},
): number[][] {
  const weights = weightsOf(start, shape);
  const state = initAdamW(weights);
  return gradients.map((gradient, index) => {
    const now = { gradientScale: 1, ...options, ...changes, step: index + 1 };
    updateAdamW(weights, () => Float32Array.from(gradient), state, now);
    return [...(weights.get("w")?.data ?? [])];
  });
}
const close = (given: readonly number[] | undefined, expected: readonly number[]) => {
  expect(given).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(given?.[index]).toBeCloseTo(value, 6);
};

describe("AdamW", () => {
  test("two steps by hand", () => {
    // Step 1: the corrected moments are g and g^2, so the step is lr: 1 (1 - 0.1 * 0.2) - 0.1 = 0.88.
    // Step 2: m = -0.055, v = 0.061875; corrected -0.055 / 0.19 and 0.061875 / 0.0975.
    const [first, second] = updated([1], [1, 1], [[0.5], [-1]]);
    close(first, [0.88]);
    close(second, [0.88 * 0.98 + (0.1 * (0.055 / 0.19)) / Math.sqrt(0.061875 / 0.0975)]);
  });

  test("only tensors with two or more dimensions decay", () => {
    const still = [[0, 0]];
    close(updated([1, -2], [1, 2], still)[0], [0.98, -1.96]);
    close(updated([1, -2], [2], still)[0], [1, -2]);
    close(updated([1, -2], [1, 2], still, { weightDecay: 0 })[0], [1, -2]);
  });

  test("epsilon is added to the root of the corrected second moment", () => {
    close(updated([0], [1], [[0.5]], { epsilon: 0.5 })[0], [-0.1 * (0.5 / (0.5 + 0.5))]);
  });

  test("the gradient scale multiplies the gradient before anything else", () => {
    const scaled = updated(
      [1, 2],
      [1, 2],
      [
        [4, -8],
        [2, 6],
      ],
      { gradientScale: 0.25, epsilon: 0.1 },
    );
    expect(scaled).toEqual(
      updated(
        [1, 2],
        [1, 2],
        [
          [1, -2],
          [0.5, 1.5],
        ],
        { epsilon: 0.1 },
      ),
    );
  });

  test("a constant gradient of any size moves a weight by the learning rate a step", () => {
    const finite = fc.float({ min: Math.fround(0.001), max: 1000, noNaN: true });
    fc.assert(
      fc.property(finite, fc.boolean(), fc.integer({ min: 1, max: 5 }), (size, isNegative, steps) => {
        const gradient = isNegative ? -size : size;
        const path = updated([0], [1], new Array(steps).fill([gradient]));
        close(path.at(-1), [(-0.1 * steps * gradient) / (size + 1e-8)]);
      }),
    );
  });

  test("moments start at zero, have the shapes of the weights, and are kept between steps", () => {
    const weights = weightsOf([1, 2, 3], [3, 1]);
    const state = initAdamW(weights);
    expect(state.first.get("w")).toEqual({ data: new Float32Array(3), shape: [3, 1] });
    updateAdamW(weights, () => Float32Array.of(1, 2, 4), state, { ...options, step: 1, gradientScale: 1 });
    close([...(state.first.get("w")?.data ?? [])], [0.1, 0.2, 0.4]);
    close([...(state.second.get("w")?.data ?? [])], [0.05, 0.2, 0.8]);
  });
});

describe("clipping", () => {
  test("the norm is of all gradients together", () => {
    expect(globalNorm([Float32Array.of(3), Float32Array.of(0, 4), new Float32Array(5)])).toBe(5);
    expect(globalNorm([])).toBe(0);
  });

  test("a norm that is not a number stays one", () => {
    expect(globalNorm([Float32Array.of(1, Number.NaN)])).toBeNaN();
    expect(globalNorm([Float32Array.of(Number.POSITIVE_INFINITY)])).toBe(Number.POSITIVE_INFINITY);
  });

  test("scales a long gradient down to the limit and leaves a short one alone", () => {
    expect(clipScale(4, 1)).toBe(1 / (4 + 1e-6));
    expect(clipScale(0.5, 1)).toBe(1);
    expect(clipScale(0, 1)).toBe(1);
    expect(clipScale(1e9, 0)).toBe(1);
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (norm) => {
        expect(norm * clipScale(norm, 2)).toBeLessThanOrEqual(2);
        expect(norm * clipScale(norm, 2)).toBeGreaterThan(Math.min(norm, 2) - 2e-6);
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { untilSettled } from "../../../src/decode/exits.ts";
import { angles, norms, relativeChange, secondDifference } from "../../../src/measure/states/change.ts";
import { lists, mapped, matrix, normal, sizes } from "./helpers.ts";

const zero = matrix([0, 0]);
const along = matrix([3, 4]);

describe("by hand", () => {
  test("the norm, and the change relative to it", () => {
    expect([...norms(matrix([3, 4], [0, 0]))]).toEqual([5, 0]);
    expect([...relativeChange(along, matrix([3, 3]))]).toEqual([0.2]);
    expect([...relativeChange(zero, along), ...relativeChange(zero, zero)]).toEqual([Infinity, 0]);
  });

  test("the second difference of a straight path is zero, of a path that turns back twice the step", () => {
    expect([...secondDifference(matrix([1, 1]), matrix([2, 3]), matrix([3, 5]))]).toEqual([0]);
    expect([...secondDifference(along, zero, along)]).toEqual([2]);
  });

  test("angles: the same way, a right angle, back; and one too small for an arc cosine", () => {
    const before = matrix([1, 0], [1, 0], [1, 0], [1, 0], [0, 0]);
    const after = matrix([7, 0], [0, 2], [-3, 0], [1, 1e-9], [1, 0]);
    const found = angles(before, after);
    for (const [index, angle] of [0, Math.PI / 2, Math.PI, 1e-9, Math.PI / 2].entries())
      expect(found[index]).toBeCloseTo(angle, 15);
  });
});

describe("for any states", () => {
  test("each token is measured alone, as a naive formula says", () => {
    fc.assert(
      fc.property(sizes, ({ n, d, seed }) => {
        const [x, y, z] = [normal(n, d, seed), normal(n, d, seed + 1), normal(n, d, seed + 2)];
        const size = (row: number[]) => Math.hypot(...row);
        const [a, b, c] = [lists(x), lists(y), lists(z)];
        for (let token = 0; token < n; token++) {
          const [h0, h1, h2] = [a[token], b[token], c[token]] as [number[], number[], number[]];
          const change = h1.map((value, at) => value - h0[at]!);
          const second = h2.map((value, at) => value - 2 * h1[at]! + h0[at]!);
          const inner = h0.reduce((sum, value, at) => sum + value * h1[at]!, 0);
          expect(relativeChange(x, y)[token]).toBeCloseTo(size(change) / size(h0), 12);
          expect(secondDifference(x, y, z)[token]).toBeCloseTo(size(second) / size(h2), 12);
          expect(angles(x, y)[token]).toBeCloseTo(Math.acos(inner / size(h0) / size(h1)), 7);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("the exit rules measure the same change and second difference", () => {
    const [x, y, z] = [normal(1, 5, 1), normal(1, 5, 2), normal(1, 5, 3)];
    const seen = { loops: 2, most: 4, states: [x.data, y.data, z.data], logits: [] };
    const [change] = relativeChange(y, z);
    const [second] = secondDifference(x, y, z);
    for (const [limit, isSettled] of [
      [1 + 1e-12, true],
      [1 - 1e-12, false],
    ] as const) {
      expect(untilSettled({ change: change! * limit }).exit(seen)).toBe(isSettled);
      expect(untilSettled({ secondDifference: second! * limit }).exit(seen)).toBe(isSettled);
    }
  });

  test("scaling all states changes no change and no angle", () => {
    const [x, y, z] = [normal(4, 5, 1), normal(4, 5, 2), normal(4, 5, 3)];
    const scaled = [x, y, z].map((states) => mapped(states, (value) => 8 * value)) as [
      typeof x,
      typeof x,
      typeof x,
    ];
    expect(relativeChange(scaled[0], scaled[1])).toEqual(relativeChange(x, y));
    expect(secondDifference(...scaled)).toEqual(secondDifference(x, y, z));
    expect(angles(scaled[0], scaled[1])).toEqual(angles(x, y));
  });
});

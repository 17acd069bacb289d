import { expect, test } from "vitest";
import { warmupCosine } from "../../src/optim/warmup-cosine.ts";

const schedule = { peak: 1, floor: 0.1, warmupSteps: 4, totalSteps: 24 };
const at = (step: number) => warmupCosine(schedule, step);

test("warms up in equal steps, without a first step of zero", () => {
  expect([0, 1, 2, 3].map(at)).toEqual([0.2, 0.4, 0.6, 0.8]);
});

test("reaches the peak after the warm-up, half-way in the middle, the floor at the end", () => {
  expect(at(4)).toBe(1);
  expect(at(9)).toBeCloseTo(0.1 + 0.9 * 0.5 * (1 + Math.SQRT1_2), 12);
  expect(at(14)).toBeCloseTo(0.55, 12);
  expect(at(24)).toBeCloseTo(0.1, 12);
});

test("stays at the floor afterwards", () => {
  expect(at(25)).toBe(at(24));
  expect(at(1000)).toBe(at(24));
});

test("never rises after the warm-up", () => {
  for (let step = 4; step < 24; step++) expect(at(step + 1)).toBeLessThan(at(step));
});

test("without a warm-up it starts at the peak; a warm-up of all steps never leaves it", () => {
  expect(warmupCosine({ ...schedule, warmupSteps: 0 }, 0)).toBe(1);
  expect(warmupCosine({ ...schedule, warmupSteps: 24 }, 23)).toBe(24 / 25);
  expect(warmupCosine({ ...schedule, warmupSteps: 24 }, 24)).toBe(1);
});

import { describe, expect, test } from "vitest";
import { type LearningRateSchedule, learningRateAt } from "../../src/optim/learning-rate.ts";

const common = { learningRate: 1, learningRateFloor: 0.1, warmupSteps: 4, steps: 24 };
type Changes = Partial<LearningRateSchedule>;
const rates = (schedule: LearningRateSchedule["schedule"], changes: Changes = {}) => {
  return (step: number) => learningRateAt({ ...common, schedule, ...changes }, step);
};

describe.each(["cosine", "linear", "constant"] as const)("%s", (schedule) => {
  const at = rates(schedule);

  test("warms up in equal steps, without a first step of zero, to the peak", () => {
    expect([0, 1, 2, 3, 4].map(at)).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
  });

  test("never rises after the warm-up, and stays at the floor", () => {
    for (let step = 4; step < 24; step++) expect(at(step + 1)).toBeLessThanOrEqual(at(step));
    expect(at(24)).toBeCloseTo(0.1, 12);
    expect([at(25), at(1000)]).toEqual([at(24), at(24)]);
  });

  test("without a warm-up it starts at the peak; a warm-up of all steps never leaves it", () => {
    expect(rates(schedule, { warmupSteps: 0 })(0)).toBe(1);
    expect(rates(schedule, { warmupSteps: 24 })(23)).toBe(24 / 25);
    expect(rates(schedule, { warmupSteps: 24 })(24)).toBe(1);
  });
});

test("cosine: the closed form floor + (peak - floor) cos^2(pi p / 2)", () => {
  const at = rates("cosine");
  for (let step = 4; step <= 24; step++)
    expect(at(step)).toBeCloseTo(0.1 + 0.9 * Math.cos((Math.PI / 2) * ((step - 4) / 20)) ** 2, 12);
});

test("linear: equal differences from peak to floor", () => {
  const at = rates("linear");
  for (let step = 4; step < 24; step++) expect(at(step) - at(step + 1)).toBeCloseTo(0.9 / 20, 12);
});

test("constant: at the peak until the cooldown, then equal differences to the floor", () => {
  const at = rates("constant", { cooldownSteps: 10 });
  for (let step = 4; step <= 14; step++) expect(at(step)).toBe(1);
  for (let step = 14; step < 24; step++) expect(at(step) - at(step + 1)).toBeCloseTo(0.09, 12);
});

test("constant: a cooldown is a fifth of all steps by default, and may be none", () => {
  const first = (at: (step: number) => number) =>
    Array.from({ length: 25 }, (_, step) => step).find((step) => step > 4 && at(step) < 1);
  expect(first(rates("constant"))).toBe(24 - 5 + 1);
  expect(rates("constant", { cooldownSteps: 0 })(23)).toBe(1);
});

test("constant: before its cooldown a run does not know how long it will be", () => {
  const [short, long] = [rates("constant", { steps: 20 }), rates("constant", { steps: 200 })];
  for (let step = 0; step <= 16; step++) expect(short(step)).toBe(long(step));
});

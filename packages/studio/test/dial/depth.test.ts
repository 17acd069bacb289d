import { exitRule } from "gyre";
import { expect, it } from "vitest";
import {
  budgetOf,
  even,
  optionsOf,
  type RuleName,
  rules,
  usualDepth,
  visible,
  withStep,
} from "../../src/dial/depth.ts";

const sum = (steps: readonly number[]) => steps.reduce((total, step) => total + step, 0);

it("steps always sum to 1 and none vanishes, wherever one is dragged", () => {
  for (const size of [-1, 0, 0.25, 0.9, 1, 5]) {
    const steps = withStep(even(4), 1, size);
    expect(sum(steps)).toBeCloseTo(1, 9);
    expect(Math.min(...steps)).toBeGreaterThan(0.005);
  }
  expect(withStep([0.5, 0.25, 0.25], 0, 0.8).map((step) => step.toFixed(2))).toEqual([
    "0.80",
    "0.10",
    "0.10",
  ]);
  expect(withStep([1], 0, 0.3)).toEqual([1]);
});

it("every rule is one that the library knows", () => {
  for (const [rule, { usual }] of Object.entries(rules)) {
    const { exit } = optionsOf({ ...usualDepth(4), kind: "exit", rule: rule as RuleName, limit: usual });
    expect(exitRule(exit ?? "").reads).toMatch(/states|logits/);
  }
  const depth = { ...usualDepth(3), kind: "trajectory", steps: [0.5, 0.5] } as const;
  expect([optionsOf(depth), budgetOf(depth)]).toEqual([{ loops: [0.5, 0.5] }, [0.5, 0.5]]);
  expect(optionsOf(usualDepth(3))).toEqual({ loops: 3 });
  expect(visible(" a\n")).toBe("␣a⏎");
});

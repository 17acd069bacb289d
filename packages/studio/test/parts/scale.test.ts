import { expect, it } from "vitest";
import { axisOf, thinned, tidy } from "../../src/parts/scale.ts";

it("axes have round ticks around their values", () => {
  expect(axisOf([0.3, 4.1])).toEqual({ from: 0, to: 5, ticks: [0, 1, 2, 3, 4, 5] });
  expect(axisOf([0, 100], 5).ticks).toEqual([0, 20, 40, 60, 80, 100]);
  expect(axisOf([]).ticks).toEqual([0, 1]);
  expect(axisOf([2, 2, Number.NaN]).ticks.length).toBeGreaterThan(1);
});

it("curves keep their ends when they are thinned", () => {
  const points = Array.from({ length: 1000 }, (_, index) => index);
  expect(thinned(points, 10)).toHaveLength(10);
  expect(thinned(points, 10).at(-1)).toBe(999);
  expect(tidy(0.30000000004)).toBe("0.3");
  expect(tidy(Number.NaN)).toBe("–");
});

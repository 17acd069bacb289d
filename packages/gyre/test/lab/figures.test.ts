import { describe, expect, test } from "vitest";
import { figures, figuresNamed } from "../../src/lab/figures/index.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";

test("figures are found by name", () => {
  expect(figuresNamed("all")).toEqual(figures);
  expect(figuresNamed("linear-bound")).toHaveLength(1);
  expect(() => figuresNamed("x")).toThrow(/LAB_NAME: the figure "x"/);
});

describe("linear figures at small sizes", () => {
  const linear = figures.filter(({ name }) => name.startsWith("linear-"));

  test("there are seven", () => {
    expect(linear).toHaveLength(7);
  });

  test.each(linear.map((figure) => [figure.name, figure] as const))("%s runs", async (name, figure) => {
    const result = await figure.measure({
      seeds: [1],
      openRuntime: (precision) => openOnnxRuntime({ precision, threads: 1 }),
      trained: () => Promise.reject(new Error("no model of a recipe is needed")),
      isBrief: true,
    });
    const [chart] = result.charts;
    expect(chart?.series.length).toBeGreaterThan(1);
    // what float64 cannot tell is marked where a curve comes to it
    if (["linear-exact", "linear-newton", "linear-bound"].includes(name))
      expect(chart?.guides?.map(({ kind }) => kind)).toContain("floor");
    const all = chart?.series.flatMap(({ points }) => points) ?? [];
    // a free model that was hardly trained may overflow at many loops
    if (name !== "linear-free") expect(all.filter(({ x, y }) => !(Number.isFinite(x) && y >= 0))).toEqual([]);
    expect(all.filter(({ y }) => y >= 0).length).toBeGreaterThan(3);
    expect(result.claims.length).toBeGreaterThan(0);
    // what is true of constructed weights is true at any size
    if (["linear-exact", "linear-newton", "linear-bound"].includes(name))
      expect(result.claims.slice(0, 3).filter(({ holds }) => !holds)).toEqual([]);
  });
});

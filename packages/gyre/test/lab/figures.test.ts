import { describe, expect, test } from "vitest";
import { figures, figuresNamed } from "../../src/lab/figures/index.ts";
import { labFigure } from "../../src/report/lab-figure.ts";
import { atMost, type LabReport, labMarkdown } from "../../src/report/lab-report.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";

const report: LabReport = {
  version: 1,
  figure: "tiny",
  title: "Errors <fall>",
  subtitle: "two points",
  createdAt: "2026-11-24",
  command: "gyre lab reproduce tiny",
  machine: "a machine",
  seeds: [0, 1],
  settings: { prompts: 2 },
  x: { title: "loops", kind: "linear" },
  y: { title: "error", kind: "log" },
  series: [
    {
      name: "measured",
      points: [
        { x: 0, y: 1 },
        { x: 1, y: 1e-12, low: 1e-13, high: 1e-11 },
        { x: 2, y: 0 },
      ],
    },
  ],
  claims: [atMost("error <= 1", 0.5, 1), atMost("error <= 0.1", 0.5, 0.1)],
};

test("a drawing leaves out what a logarithm cannot show, and escapes its texts", () => {
  const svg = labFigure(report);
  expect(svg).toContain("Errors &lt;fall&gt;");
  expect(svg).not.toMatch(/NaN|Infinity/);
  expect(svg.match(/<circle/g)).toHaveLength(2);
});

test("a page says which claims hold", () => {
  const page = labMarkdown(report);
  expect(page).toContain("| error <= 1 | 0.5 | 1 | holds |");
  expect(page).toContain("| error <= 0.1 | 0.5 | 0.1 | **does not hold** |");
  expect(page).toContain("- commit: unknown");
});

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
    expect(result.series.length).toBeGreaterThan(1);
    const all = result.series.flatMap(({ points }) => points);
    // a free model that was hardly trained may overflow at many loops
    if (name !== "linear-free") expect(all.filter(({ x, y }) => !(Number.isFinite(x) && y >= 0))).toEqual([]);
    expect(all.filter(({ y }) => y >= 0).length).toBeGreaterThan(3);
    expect(result.claims.length).toBeGreaterThan(0);
    // what is true of constructed weights is true at any size
    if (["linear-exact", "linear-newton", "linear-bound"].includes(name))
      expect(result.claims.slice(0, 3).filter(({ holds }) => !holds)).toEqual([]);
  });
});

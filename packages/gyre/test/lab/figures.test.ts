import { expect, test } from "vitest";
import { figures, figuresNamed } from "../../src/lab/figures/index.ts";
import { labFigure } from "../../src/report/lab-figure.ts";
import { atMost, type LabReport, labMarkdown } from "../../src/report/lab-report.ts";

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

import type { BudgetPoint, ModelReport, Report } from "gyre";
import { describe, expect, it } from "vitest";
import { plot, reportPlot } from "../src/render/plot.ts";

const titles = { xTitle: "x", yTitle: "y" };
const marked = (points: readonly (readonly [number, number])[]) =>
  points.map(([x, y]) => ({ x, y, isMarked: true }));
const colorStart = "\u001b[";

function point(loops: number, bitsPerByte: number, trajectory?: number[]): BudgetPoint {
  return {
    loops,
    trajectory: trajectory ?? Array.from({ length: loops }, () => 1 / loops),
    loss: bitsPerByte,
    perplexity: Math.exp(bitsPerByte),
    bitsPerByte,
    flopsPerToken: 1e6 * (1 + loops),
    elapsedMs: 1,
    tokens: 10,
  };
}

function report(kind: Report["kind"], models: Record<string, BudgetPoint[]>): Report {
  const all = Object.entries(models).map(
    ([name, points]): ModelReport => ({
      name,
      family: "loopformer",
      spec: {},
      parameters: 1,
      trainedLoops: 4,
      points,
    }),
  );
  const provenance = {
    machine: "",
    runtime: "",
    dataset: "",
    split: "",
    tokenizer: "",
    tokens: 10,
    context: 4,
    stride: 4,
  };
  return { version: 1, kind, createdAt: "", command: "", provenance, models: all };
}

describe("plot", () => {
  it("draws a line through the symbols of each series", () => {
    const series = [
      {
        name: "falls",
        points: marked([
          [0, 3],
          [1, 2],
          [2, 1],
        ]),
      },
      { name: "stays", points: marked([[1, 2.5]]) },
    ];
    expect(plot(series, { ...titles, width: 40, height: 8, xText: String })).toMatchInlineSnapshot(`
      "y
      3.0 ┤  ●⣀
          │    ⠉⠒⠤⣀⡀
      2.5 ┤        ⠈⠑⠢⢄⣀    ■
      2.0 ┤             ⠉⠒⠤⣀
          │                 ●⠑⠢⢄⣀
      1.5 ┤                      ⠉⠒⠤⣀⡀
          │                          ⠈⠑⠢⠤⣀
      1.0 ┤                               ⠉●
          └──┬──────┬───────┬──────┬───────┬──
             0     0.5      1     1.5      2
           x

      ● falls
      ■ stays"
    `);
  });

  it("has rows of at most its width, whatever the values", () => {
    for (const values of [
      [1e-9, 2e-9],
      [3, 3],
      [1e12, 5e15],
      [-2, 7],
    ]) {
      const points = marked(values.map((value, index) => [value, values[1 - index] ?? 0]));
      const lines = plot([{ name: "a", points }], {
        ...titles,
        width: 50,
        xText: (value) => value.toExponential(0),
      }).split("\n");
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(50);
      expect(lines.join("\n")).not.toMatch(/NaN|Infinity|undefined/);
      expect(lines.join("\n").match(/●/g)?.length).toBeGreaterThanOrEqual(1);
    }
  });

  it("is coloured only on demand, each series in its own colour", () => {
    const series = ["a", "b"].map((name, index) => ({
      name,
      points: marked([
        [0, index],
        [1, index],
      ]),
    }));
    expect(plot(series, titles)).not.toContain(colorStart);
    const colored = plot(series, { ...titles, isColored: true });
    expect(colored).toContain(`${colorStart}36m●`);
    expect(colored).toContain(`${colorStart}33m■`);
  });

  it("leaves out series without points, and is empty without any", () => {
    expect(plot([], titles)).toBe("");
    const one = plot(
      [
        { name: "none", points: [] },
        { name: "one", points: marked([[1, 1]]) },
      ],
      titles,
    );
    expect(one).not.toContain("none");
    expect(one.match(/●/g)).toHaveLength(1);
  });
});

describe("reportPlot", () => {
  it("shows bits per byte against FLOPs, a symbol a budget", () => {
    const text = reportPlot(
      report("budget", {
        looped: [1, 2, 4].map((loops) => point(loops, 4 - loops / 4)),
        gpt: [point(1, 3.2)],
      }),
      { width: 60 },
    );
    expect(text).toContain("FLOPs per token, head included");
    expect(text.match(/●/g)).toHaveLength(3 + 1);
    expect(text.match(/■/g)).toHaveLength(1 + 1);
  });

  it("shows schedules from best to worst, the uniform one as a symbol", () => {
    const trajectories = [
      [0.25, 0.75],
      [0.5, 0.5],
      [0.75, 0.25],
    ];
    const text = reportPlot(
      report("trajectories", { looped: trajectories.map((steps, index) => point(2, 3 + index / 10, steps)) }),
      { width: 60 },
    );
    expect(text.match(/●/g)).toHaveLength(1);
    expect(text).toContain("schedules, best to worst");
  });
});

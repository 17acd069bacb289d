import { type Chart, fitChart, type Series } from "gyre";
import { describe, expect, it } from "vitest";
import { plotChart } from "../src/render/plot.ts";

const colorStart = "\u001b[";

/** A chart of some series with linear axes. */
function chartOf(series: Record<string, readonly (readonly [number, number])[]>, more: Partial<Chart> = {}) {
  const all = Object.entries(series).map(
    ([name, points]): Series => ({ name, points: points.map(([x, y]) => ({ x, y })) }),
  );
  const axis = (title: string) => ({ title, kind: "linear" as const });
  return { title: "t", subtitle: "", x: axis("x"), y: axis("y"), series: all, ...more } satisfies Chart;
}

describe("plotChart", () => {
  it("draws a line through the symbols of each series", () => {
    const chart = chartOf({
      falls: [
        [0, 3],
        [1, 2],
        [2, 1],
      ],
      stays: [[1, 2.5]],
    });
    expect(plotChart(chart, { width: 40, height: 8 })).toMatchInlineSnapshot(`
      "y
      3.0 ┤  ●⣀
          │    ⠉⠒⠤⣀⡀
      2.5 ┤        ⠈⠑⠢⢄⣀    ■
      2.0 ┤             ⠉⠒⠤⣀
          │                 ●⠑⠢⢄⣀
      1.5 ┤                      ⠉⠒⠤⣀⡀
          │                          ⠈⠑⠢⠤⣀
      1.0 ┤                               ⠉●
          └─┬───────────────┬──────────────┬──
            0               1              2
           x

      ● falls
      ■ stays"
    `);
  });

  it("draws guides dotted, small markers as dots, and says what lies at the edges", () => {
    const chart = chartOf(
      {
        falls: [
          [0, 0.01],
          [1, 3],
          [2, 30],
        ],
      },
      {
        y: { title: "y", kind: "log", most: 10 },
        guides: [{ at: 0.1, text: "a floor", kind: "floor" }],
        notes: ["numbers: loops", "thin: chance"],
      },
    );
    const dots = { ...chart, series: chart.series.map((one) => ({ ...one, markers: "dots" as const })) };
    expect(plotChart(dots, { width: 40, height: 8 })).toMatchInlineSnapshot(`
      "y
        10 ┤                          ⢀⣀⣀⣀⠤⠤
           │                ⢀⠤⠤⠒⠒⠒⠊⠉⠉⠉⠁
         1 ┤             ⢀⡠⠊⠁
           │           ⡠⠔⠁
           │        ⢀⠤⠊
       0.1 ┤⠁ ⠁ ⠁ ⡡⠒⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁ ⠁
           │   ⣀⠔⠉
      0.01 ┤  ⠊
           └─┬──────────────┬──────────────┬──
             0              1              2
            x

      dotted: a floor; thin: chance; at the top: 10 or more"
    `);
  });

  it.each([
    [1e-9, 2e-9],
    [3, 3],
    [1e12, 5e15],
    [-2, 7],
  ])("has rows of at most its width, whatever the values: %j, %j", (first, second) => {
    const chart = chartOf({
      a: [
        [first, second],
        [second, first],
      ],
    });
    const text = plotChart(chart, { width: 50 });
    expect(Math.max(...text.split("\n").map((line) => [...line].length))).toBeLessThanOrEqual(50);
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
    expect(text.match(/●/g)?.length).toBeGreaterThanOrEqual(1);
  });

  it("is coloured only on demand, each group in its own colour", () => {
    const chart = chartOf({
      a: [
        [0, 0],
        [1, 0],
      ],
      b: [
        [0, 1],
        [1, 1],
      ],
    });
    expect(plotChart(chart)).not.toContain(colorStart);
    const colored = plotChart(chart, { isColored: true });
    expect(colored).toContain(`${colorStart}36m●`);
    expect(colored).toContain(`${colorStart}33m■`);
  });

  it("leaves out series without points, and needs one that has some", () => {
    const one = plotChart(chartOf({ none: [], one: [[1, 1]] }));
    expect(one).not.toContain("none");
    expect(one.match(/●/g)).toHaveLength(1);
    expect(() => plotChart(chartOf({ none: [] }))).toThrow("EVAL_REPORT_EMPTY");
  });

  it("has the axes of the drawing", () => {
    const chart = chartOf({
      flat: [
        [1, 2],
        [2, 2.001],
      ],
    });
    const { ticks } = fitChart(chart, { left: 0, right: 100, top: 0, bottom: 100 }).ys;
    const plot = plotChart(chart);
    for (const { text } of ticks) expect(plot).toContain(`${text} ┤`);
  });
});

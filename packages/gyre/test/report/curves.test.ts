import { describe, expect, test } from "vitest";
import { curveCharts } from "../../src/report/curves.ts";
import { drawChart } from "../../src/report/draw.ts";

/** Records of steps whose loss is the step, measured on held-out data after some of them. */
const records = (steps: number, heldOut: Readonly<Record<number, unknown>> = {}) =>
  Array.from({ length: steps }, (_, index) => ({
    step: index + 1,
    loss: 100,
    parts: { long: index + 1, short: 50 },
    ...(heldOut[index + 1] === undefined ? {} : { heldOut: heldOut[index + 1] }),
  }));
const bits = (...values: readonly number[]) => ({
  bitsPerByte: Object.fromEntries(values.map((value, index) => [String(2 ** index), value])),
});

describe("curveCharts", () => {
  test("draws the part of the loss that evaluation measures, and the whole where it has none", () => {
    const [chart] = curveCharts([
      { name: "parts", records: records(3) },
      { name: "whole", records: [{ step: 1, loss: 7, parts: {} }] },
    ]);
    expect(chart?.series.map(({ name, points }) => [name, points])).toEqual([
      ["parts", [1, 2, 3].map((at) => ({ x: at, y: at }))],
      ["whole", [{ x: 1, y: 7 }]],
    ]);
    expect(chart?.subtitle).toBe("");
  });

  test("a long run is drawn as means of equally many steps, and says of how many", () => {
    const [chart] = curveCharts([{ name: "long", records: records(400) }]);
    expect(chart?.subtitle).toBe("long: means of 3 steps");
    expect(chart?.series[0]?.points).toHaveLength(134);
    expect(chart?.series[0]?.points.slice(0, 2)).toEqual([
      { x: 2, y: 2 },
      { x: 5, y: 5 },
    ]);
    expect(chart?.series[0]?.points.at(-1)).toEqual({ x: 400, y: 400 });
  });

  test("of one run every number of loops is drawn, of several full depth", () => {
    const first = { name: "first", records: records(20, { 10: bits(3, 2.5, 2), 20: bits(2.8, 2.1, 1.5) }) };
    const second = { name: "second", records: records(20, { 20: bits(1.9) }) };
    const [, one] = curveCharts([first]);
    expect(one?.y.title).toBe("bits per byte (lower is better)");
    expect(one?.series.map(({ name, points }) => [name, points.map(({ x, y }) => [x, y])])).toEqual([
      [
        "1 loop",
        [
          [10, 3],
          [20, 2.8],
        ],
      ],
      [
        "2 loops",
        [
          [10, 2.5],
          [20, 2.1],
        ],
      ],
      [
        "4 loops",
        [
          [10, 2],
          [20, 1.5],
        ],
      ],
    ]);
    const [, both] = curveCharts([first, second]);
    expect(both?.series.map(({ name, points }) => [name, points.map(({ x, y }) => [x, y])])).toEqual([
      [
        "first",
        [
          [10, 2],
          [20, 1.5],
        ],
      ],
      ["second", [[20, 1.9]]],
    ]);
  });

  test("measures of different kinds have a chart each, and losses that were not finite are left out", () => {
    const answers = { step: 1, loss: null, parts: {}, heldOut: { accuracy: { "1": 0.5 } } };
    const charts = curveCharts([
      { name: "answers", records: [answers] },
      { name: "text", records: records(2, { 2: bits(3) }) },
    ]);
    expect(charts.map(({ y, series }) => [y.title, series.map(({ name }) => name)])).toEqual([
      ["training loss", ["text"]],
      ["share of right answers (higher is better)", ["answers"]],
      ["bits per byte (lower is better)", ["text"]],
    ]);
    for (const chart of charts) expect(drawChart(chart)).toMatch(/^<svg /);
  });
});

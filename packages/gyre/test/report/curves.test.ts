import { describe, expect, test } from "vitest";
import { type CurveStep, curveCharts } from "../../src/report/curves.ts";
import { drawChart } from "../../src/report/draw.ts";

/** Steps whose loss is the step, measured on held-out data after some of them. */
const steps = (count: number, heldOut: Readonly<Record<number, CurveStep["heldOut"]>> = {}) =>
  Array.from({ length: count }, (_, index) => ({
    step: index + 1,
    loss: index + 1,
    heldOut: heldOut[index + 1],
  }));
const bits = (...values: readonly number[]) => ({
  measure: "bitsPerByte",
  points: values.map((value, index) => ({ loops: 2 ** index, value })),
});

describe("curveCharts", () => {
  test("draws the loss at every step", () => {
    const [chart] = curveCharts([
      { name: "first", steps: steps(3) },
      { name: "second", steps: [{ step: 1, loss: 7 }] },
    ]);
    expect(chart?.series.map(({ name, points }) => [name, points])).toEqual([
      ["first", [1, 2, 3].map((at) => ({ x: at, y: at }))],
      ["second", [{ x: 1, y: 7 }]],
    ]);
    expect(chart?.subtitle).toBe("");
  });

  test("a long run is drawn as means of equally many steps, and says of how many", () => {
    const [chart] = curveCharts([{ name: "long", steps: steps(400) }]);
    expect(chart?.subtitle).toBe("long: means of 3 steps");
    expect(chart?.series[0]?.points).toHaveLength(134);
    expect(chart?.series[0]?.points.slice(0, 2)).toEqual([
      { x: 2, y: 2 },
      { x: 5, y: 5 },
    ]);
    expect(chart?.series[0]?.points.at(-1)).toEqual({ x: 400, y: 400 });
  });

  test("of one run every number of loops is drawn, of several full depth", () => {
    const first = { name: "first", steps: steps(20, { 10: bits(3, 2.5, 2), 20: bits(2.8, 2.1, 1.5) }) };
    const second = { name: "second", steps: steps(20, { 20: bits(1.9) }) };
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

  test("spikes are hollow marks on the curve of their run, the largest twelve, and their number is told", () => {
    const spike = (step: number, value = 9) => ({ step, value, usual: 3 });
    const many = Array.from({ length: 14 }, (_, index) => spike(20 * index + 10, 9 + index));
    const [chart] = curveCharts([
      { name: "calm", steps: steps(300) },
      { name: "wild", steps: steps(300), spikes: many },
      { name: "once", steps: steps(300), spikes: [spike(2)] },
    ]);
    const marks = chart?.series.filter(({ line }) => line === "none") ?? [];
    expect(marks.map(({ group, points }) => [group, points.length])).toEqual([
      [1, 12],
      [2, 1],
    ]);
    expect(marks[0]?.points[0]?.x).toBe(50); // the two smallest are not marked
    expect(marks[1]?.points).toEqual([{ x: 2, y: 1.5, isHollow: true }]);
    expect(chart?.notes).toEqual([
      "hollow: a spike of the loss or of the gradient norm",
      "wild: 14 spikes, the last at step 270; the 12 largest are marked",
      "once: 1 spike, the last at step 2",
    ]);
    const calm = curveCharts([{ name: "calm", steps: steps(300) }])[0];
    const circles = (of: Parameters<typeof drawChart>[0]) => drawChart(of).split("<circle").length;
    expect(calm?.notes).toBeUndefined();
    if (chart && calm) expect(drawChart(chart)).toContain("hollow: a spike");
    if (calm) expect(circles(calm)).toBe(1);
  });

  test("measures of different kinds have a chart each, and losses that were not finite are left out", () => {
    const points = [{ loops: 1, value: 0.5 }];
    const answers = { step: 1, loss: undefined, heldOut: { measure: "accuracy", points } };
    const charts = curveCharts([
      { name: "answers", steps: [answers] },
      { name: "text", steps: steps(2, { 2: bits(3) }) },
    ]);
    expect(charts.map(({ y, series }) => [y.title, series.map(({ name }) => name)])).toEqual([
      ["training loss", ["text"]],
      ["share of right answers (higher is better)", ["answers"]],
      ["bits per byte (lower is better)", ["text"]],
    ]);
    for (const chart of charts) expect(drawChart(chart)).toMatch(/^<svg /);
  });
});

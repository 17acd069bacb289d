import { describe, expect, it } from "vitest";
import { counted, groupedText, milliseconds, numberText, siText } from "../../src/report/numbers.ts";
import { measurements } from "../../src/report/report.ts";
import { spreads, statistics } from "../../src/report/spread.ts";
import { gridUnits, isUniform, trajectoryText } from "../../src/report/trajectory.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { model, point, report, trajectories } from "./reports.ts";

describe("measurements", () => {
  it("refuses a report without points", () => {
    expect(errorOf(() => measurements(report([model("a", [])]))).message).toMatchInlineSnapshot(`
      "EVAL_REPORT_EMPTY: a report without a single measured point
        expected: at least one model with at least one point
        fix: evaluate a model first"
    `);
  });
});

describe("trajectories", () => {
  it("are written in units of the grid, or as step sizes off it", () => {
    expect(trajectoryText([0.125, 0.125, 0.25, 0.5], 8)).toBe("(1 1 2 4)/8");
    expect(trajectoryText([1 / 3, 2 / 3], 8)).toBe("(0.333 0.667)");
    expect(gridUnits([1 / 3, 2 / 3], 3)).toEqual([1, 2]);
    expect(gridUnits([1 / 3, 2 / 3], 8)).toBeUndefined();
  });

  it("are uniform when all steps are equal", () => {
    expect(isUniform([1 / 3, 1 / 3, 1 / 3])).toBe(true);
    expect(isUniform([0.5, 0.25, 0.25])).toBe(false);
  });
});

describe("spreads", () => {
  it("has best, median, mean and worst, and the place of the uniform trajectory", () => {
    const losses = [3.2, 3.0, 3.6, 3.1, 3.5];
    const points = losses.map((loss, index) => {
      const trajectory =
        [
          [1, 3],
          [3, 1],
          [2, 2],
          [1, 3],
          [3, 1],
        ][index]?.map((units) => units / 4) ?? [];
      return point(2, loss, { trajectory });
    });
    const [spread] = spreads(report([model("a", points, { trainedLoops: 4 })], "trajectories"));
    if (!spread) throw new Error("no spread");
    expect(spread.points.map(({ loss }) => loss)).toEqual([3.0, 3.1, 3.2, 3.5, 3.6]);
    expect(spread.best).toBe(points[1]);
    expect(spread.worst).toBe(points[2]);
    expect(spread.uniform).toBe(points[2]);
    expect(spread.betterThanUniform).toBe(4);
    const { median, mean, best, worst } = statistics(spread, "loss");
    expect([best, median, worst]).toEqual([3.0, 3.2, 3.6]);
    expect(mean).toBeCloseTo(16.4 / 5, 12);
  });

  it("takes the middle of two for an even number, and perplexities on their own", () => {
    const points = [2, 4].map((loss) => point(2, loss, { trajectory: [0.25, 0.75] }));
    const [spread] = spreads(report([model("a", points)], "trajectories"));
    if (!spread) throw new Error("no spread");
    expect(statistics(spread, "loss").median).toBe(3);
    expect(statistics(spread, "perplexity").mean).toBeCloseTo((Math.exp(2) + Math.exp(4)) / 2, 12);
    expect(spread.uniform).toBeUndefined();
  });

  it("keeps a uniform trajectory that lies off the grid apart", () => {
    const [spread] = spreads(trajectories(8, 3));
    expect(spread?.points).toHaveLength(21);
    expect(spread?.uniform?.trajectory).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(spread?.points).not.toContain(spread?.uniform);
  });

  it("separates models and numbers of loops", () => {
    const { models } = trajectories(4, 2);
    const more = models.flatMap((one) => [...one.points, point(1, 3.9)]);
    const all = spreads(report([model("a", more, { trainedLoops: 4 }), model("b", more)], "trajectories"));
    expect(all.map(({ model: { name }, loops, points }) => [name, loops, points.length])).toEqual([
      ["a", 1, 1],
      ["a", 2, 3],
      ["b", 1, 1],
      ["b", 2, 3],
    ]);
  });
});

describe("numbers", () => {
  it("are short", () => {
    expect([0, 7.25, 999.4, 999.6, 12_345, 999_600, 3.2e9, 5e15, 2e18].map(siText)).toEqual([
      "0",
      "7.25",
      "999",
      "1k",
      "12.3k",
      "1M",
      "3.2G",
      "5P",
      "2000P",
    ]);
    expect([groupedText(65_536), milliseconds(412.4), milliseconds(12_345)]).toEqual([
      "65,536",
      "412 ms",
      "12.3 s",
    ]);
  });
});

describe("more numbers", () => {
  it("have three digits, and agree with what is counted", () => {
    expect([0, 0.01234, 123.456, 1.23e-7, 123_456, -0.5].map(numberText)).toEqual([
      "0",
      "0.0123",
      "123",
      "1.2e-7",
      "1.2e+5",
      "-0.5",
    ]);
    expect([counted(1, "loop"), counted(2, "loop"), counted(0, "token")]).toEqual([
      "1 loop",
      "2 loops",
      "0 tokens",
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { groupedText, milliseconds, siText } from "../../src/report/numbers.ts";
import { gridUnits, isUniform, measurements, parseReport, trajectoryText } from "../../src/report/report.ts";
import { spreads, statistics } from "../../src/report/spread.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { model, point, report, schedules } from "./reports.ts";

describe("parseReport", () => {
  it("reads back what was written", () => {
    const written = report([model("a", [point(1, 4), point(2, 3.5, { stderr: 0.01 })])]);
    expect(parseReport(JSON.parse(JSON.stringify(written)))).toEqual(written);
  });

  it("lists every wrong field at once", () => {
    const good = report([model("a", [point(2, 3)])]);
    const wrong = {
      ...good,
      version: 2,
      provenance: { ...good.provenance, tokens: -1, tokenizer: undefined },
      models: [{ ...good.models[0], points: [point(2, 3, { trajectory: [1] })] }],
      extra: true,
    };
    expect(errorOf(() => parseReport(wrong, "runs/a/reports/report.json")).message).toMatchInlineSnapshot(`
      "EVAL_REPORT: runs/a/reports/report.json:
          version: Invalid input: expected 1
          provenance.tokenizer: Invalid input: expected string, received undefined
          provenance.tokens: Too small: expected number to be >=0
          models.0.points.0.trajectory: must hold one step size for each loop
          Unrecognized key: "extra"
        expected: a report as \`gyre eval\` writes it, version 1
        fix: evaluate the models again, or correct the fields listed above"
    `);
  });

  it("refuses a report without points where numbers are read from it", () => {
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
    const [spread] = spreads(schedules(8, 3));
    expect(spread?.points).toHaveLength(21);
    expect(spread?.uniform?.trajectory).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(spread?.points).not.toContain(spread?.uniform);
  });

  it("separates models and numbers of loops", () => {
    const { models } = schedules(4, 2);
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

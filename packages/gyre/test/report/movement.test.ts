import { describe, expect, test } from "vitest";
import { pageOf, reportFiles } from "../../src/report/files.ts";
import { movementClaims, movementOf } from "../../src/report/movement.ts";
import { readReport } from "../../src/report/read.ts";
import type { Analysis, RunAnalysis } from "../../src/report/states.ts";
import { tableText } from "../../src/report/table.ts";
import { states } from "./reports.ts";

const spread = (median: number) => ({ low: median / 2, median, high: 2 * median });

/** Four loops; loop l moves the states by `changes[l - 1]`, and two loops that are n apart are alike by 1 - n `apart`. */
function run(changes: readonly number[], apart: number): RunAnalysis {
  const loops = changes.length;
  const all = Array.from({ length: loops + 1 }, (_, at) => at);
  return {
    loops,
    steps: all.map((at) => ({
      loops: at,
      norm: spread(1),
      ...(at > 0 ? { change: spread(changes[at - 1]!), angle: spread(changes[at - 1]! / 10) } : {}),
      // the state before the first loop is far from all others, and counts for nothing
      curvature: at === 0 ? 3 : 1 + at * apart,
      anisotropy: 0.5,
      promptEntropy: at === 0 ? 9 : 2 - at * apart,
      effectiveRank: 5,
    })),
    cka: all.map((a) => all.map((b) => 1 - Math.abs(a - b) * apart)),
    explained: [1],
    tokens: [],
    stability: { radius: 1, directionalRadius: 0.9, norm: 2, isExact: true, texts: 1 },
  };
}

const analysis = (...runs: readonly RunAnalysis[]): Analysis => ({
  ...states().analysis,
  fullDepth: 4,
  runs: [...runs],
});
const moving = analysis(run([0.5, 0.4, 0.3, 0.2], 0.1));
const stagnant = analysis(run([0.9, 0.8, 0.01, 0.03], 0.01));

test("movement is what the second half of the loops does, and how far all of them range", () => {
  const { change, angle, cka, curvature, entropy, effectiveRank } = movementOf(moving.runs[0]!);
  expect(change).toBeCloseTo(0.25, 12);
  expect(angle).toBeCloseTo(0.025, 12);
  // of six pairs of four loops three are one apart, two two, one three
  expect(cka).toBeCloseTo(1 - (0.1 * 10) / 6, 12);
  expect([curvature, entropy, effectiveRank].map((value) => value.toFixed(12))).toEqual([
    ...["0.300000000000", "0.300000000000", "0.000000000000"],
  ]);
});

describe("claims", () => {
  const claimsOf = (...models: (readonly [string, boolean, Analysis])[]) =>
    movementClaims(models.map(([name, hasSteps, one]) => ({ name, hasSteps, analysis: one })));

  test("hold where a model with step sizes keeps moving beside one that stagnates, and fail the other way round", () => {
    const holding = claimsOf(["loopformer", true, moving], ["early", false, stagnant]);
    expect(holding.map(({ id, measured }) => [id, Number(measured!.toFixed(4))])).toEqual([
      ["change", 0.23],
      ["angle", 0.023],
      ["CKA", 0.15],
      ["curvature", 0.27],
      ["entropy", 0.27],
    ]);
    const failing = claimsOf(["loopformer", true, stagnant], ["early", false, moving]);
    expect(failing.every(({ measured, is, limit }) => is === "at least" && measured! < limit)).toBe(true);
  });

  test("count the one of several with step sizes that moves least, and are about each other model", () => {
    const claims = claimsOf(
      ["a", true, moving],
      ["b", true, stagnant],
      ["c", false, stagnant],
      ["d", false, moving],
    );
    expect(claims).toHaveLength(10);
    expect(claims[0]).toMatchObject({
      measured: 0,
      text: expect.stringMatching(/: the least of a, b, less c$/),
    });
  });

  test("need a model with step sizes and one without", () => {
    expect(claimsOf(["a", true, moving])).toEqual([]);
    expect(claimsOf(["a", false, moving], ["b", false, stagnant])).toEqual([]);
  });
});

describe("a page of several models", () => {
  const { model } = states();
  const claims = movementClaims([
    { name: "loopformer", hasSteps: true, analysis: moving },
    { name: "early", hasSteps: false, analysis: stagnant },
  ]);
  const report = {
    ...states(),
    model: { ...model, name: "loopformer" },
    analysis: moving,
    others: [{ model: { ...model, name: "early" }, analysis: stagnant }],
    claims,
  };

  test("has the claims, a row for each, a line for each in every chart, and how alike their loops are", () => {
    const { title, lead, charts, tables, heatMap } = pageOf(report);
    expect([title, lead]).toEqual([
      "Inside the loops of 2 models",
      "loopformer, early: runs at full depth on the same 1,024 tokens in 2 texts.",
    ]);
    expect(tables.map(tableText).join("\n\n")).toMatchInlineSnapshot(`
      "Claims
                 what is claimed                                                                 measured  must be     outcome
      ---------  ------------------------------------------------------------------------------  --------  ----------  -------
      change     mean relative change in the second half of the loops: loopformer, less early        0.23  at least 0  holds
      angle      mean angle between loops in their second half, radians: loopformer, less early     0.023  at least 0  holds
      CKA        mean CKA of two loops: early, less loopformer                                       0.15  at least 0  holds
      curvature  range of curvature over the loops, radians: loopformer, less early                  0.27  at least 0  holds
      entropy    range of entropy over the loops, nats: loopformer, less early                       0.27  at least 0  holds

      How much the states move, and what follows
      model       loops  change  angle    CKA  curvature  entropy  eff. rank  trend  radius of directions  verdict   safe loops
      ----------  -----  ------  -----  -----  ---------  -------  ---------  -----  --------------------  --------  ----------
      loopformer      4   0.250   1.4°  0.833      17.2°    0.300        0.0   0.50                  0.90  settling           2
      early           4   0.020   0.1°  0.983       1.7°    0.030        0.0   0.50                  0.90  settling           2"
    `);
    for (const chart of charts) expect(chart.series.map(({ name }) => name)).toEqual(["loopformer", "early"]);
    expect(charts.map((chart) => chart.title)).toEqual([
      "How far each loop moves the states",
      "What turning the dial costs",
      "Curvature of texts",
      "Anisotropy of texts",
      "Entropy of texts",
      "Effective rank of texts",
      "How alike states are to the last loop's",
    ]);
    expect(charts[0]!.series[1]!.points).toEqual([
      ...[0.9, 0.8, 0.01, 0.03].map((y, at) => ({ x: at + 1, y })),
    ]);
    expect(heatMap!.panels.map(({ name, rows }) => [name, rows[4]!.shares[0]])).toEqual([
      ["loopformer", 0.6],
      ["early", 0.96],
    ]);
    const files = reportFiles(report, "x");
    expect(readReport(JSON.parse(files.get("x.json")!), "x")).toEqual(report);
    expect(files.get("x-heat.svg")).not.toContain("<path");
  });

  test("leaves the heat map out where numbers of loops differ", () => {
    const deeper = { ...analysis(run([0.5, 0.4, 0.3, 0.2, 0.1], 0.1)), fullDepth: 5 };
    expect(pageOf({ ...report, others: [{ model, analysis: deeper }] }).heatMap).toBeUndefined();
  });
});

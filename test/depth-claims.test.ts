import { describe, expect, test } from "vitest";
import { depthClaims, furtherClaims } from "../scripts/depth-claims.ts";
import { depthExits, depthReport, furtherTasks } from "../scripts/depth-reports.ts";
import { searchedClaims } from "../scripts/depth-searched.ts";

const report = depthReport("report");
if (!report) throw new Error("no docs/results/depth/report.json");
const trajectories = depthReport("trajectories");

const searched = depthReport("searched");
if (!searched) throw new Error("no docs/results/depth/searched.json");

describe("the claims where every arm has its own best rate and start", () => {
  test("are what the committed numbers say", () => {
    expect(searched.claims).toEqual(searchedClaims(searched));
  });

  test("stay open where a run is missing", () => {
    const models = searched.models.filter(({ family }) => family !== "tmlt");
    const claims = searchedClaims({ ...searched, models });
    expect(claims.filter((claim) => !("measured" in claim)).map(({ text }) => text.split(" (")[0])).toEqual(
      Array.from({ length: 12 }, () => "LoopFormer less TMLT with early exits"),
    );
  });
});

describe("the claims on state tracking", () => {
  test("are what the committed numbers say", () => {
    expect(report.claims).toEqual(depthClaims(report, trajectories, depthExits()));
  });

  test("stay open where a run is missing", () => {
    const models = report.models.filter(({ family }) => family !== "gpt");
    const claims = depthClaims({ ...report, models }, undefined, []);
    const of = (text: string) => claims.find((claim) => claim.text.startsWith(text));
    expect(of("one layer once")).toEqual({
      id: "D4",
      text: "one layer once: largest share right beyond 6 elements",
      is: "at most",
      limit: 0.6,
    });
    expect(of("12 loops: coarse")).not.toHaveProperty("measured");
    expect(of("LoopFormer, worst of")).toHaveProperty("measured");
    expect(claims.filter(({ id }) => id === "D5").map((claim) => "measured" in claim)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test("follow the numbers: a model that answers all needs no more than its loops", () => {
    const models = report.models.map((model) =>
      model.name === "loopformer"
        ? {
            ...model,
            points: model.points.map((point) => ({
              ...point,
              accuracy: point.loops / 12,
              solved: 2 * point.loops,
            })),
          }
        : model,
    );
    const alone = models.filter(({ name }) => name === "loopformer");
    const [solved, accuracy, whole, line] = depthClaims({ ...report, models: alone }, undefined, []);
    expect([solved?.measured, whole?.measured, line?.measured]).toEqual([2, 14, 2]);
    expect(accuracy?.measured).toBeCloseTo(1 / 12, 10);
  });
});

describe("the claims on further tasks", () => {
  test.each(furtherTasks)("are what the committed numbers say: %s", (name) => {
    const own = depthReport(name);
    if (!own) throw new Error(`no docs/results/depth/${name}.json`);
    expect(own.claims).toEqual(furtherClaims(own));
    expect(own.claims?.filter(({ measured }) => measured === undefined)).toEqual([]);
  });

  test("compare arms from the wide start alone, by the mean and by the worst seed", () => {
    const claims = furtherClaims(report);
    expect([...new Set(claims.map(({ id }) => id))]).toEqual(["D1", "D2", "D4"]);
    const of = (text: string) => claims.find((claim) => claim.text.includes(text))?.measured;
    const at8 = (name: string) =>
      report.models.find((model) => model.name === name)?.points.find(({ loops }) => loops === 8)?.accuracy ??
      0;
    const seeds = (arm: string) => [arm, `${arm}-seed2`, `${arm}-seed3`].map(at8);
    const [looped, exits] = [seeds("loopformer"), seeds("early-exit")];
    const mean = ([a = 0, b = 0, c = 0]: number[]) => (a + b + c) / 3;
    expect(of("at 8 of 8 loops: mean accuracy")).toBeCloseTo(mean(looped) - mean(exits), 12);
    expect(of("at 8 of 8 loops: accuracy of the worst seed")).toBe(Math.min(...looped) - Math.min(...exits));
  });
});

import { describe, expect, test } from "vitest";
import { armClaims } from "../scripts/depth-arms.ts";
import {
  depthClaims,
  depthExits,
  depthReport,
  furtherClaims,
  furtherTasks,
} from "../scripts/depth-claims.ts";

const report = depthReport("report");
if (!report) throw new Error("no docs/results/depth/report.json");
const trajectories = depthReport("trajectories");

const arms = depthReport("arms");
if (!arms) throw new Error("no docs/results/depth/arms.json");

describe("the claims on later arms", () => {
  test("are what the committed numbers say", () => {
    expect(arms.claims).toEqual(armClaims(arms, report));
  });

  test("stay open where a run is missing, and are none where other problems were asked", () => {
    const models = arms.models.filter(({ family }) => family !== "tmlt");
    const claims = armClaims({ ...arms, models }, report);
    expect(claims.filter((claim) => !("measured" in claim)).map(({ text }) => text.split(" (")[0])).toEqual(
      Array.from({ length: 6 }, () => "LoopFormer less TMLT with early exits"),
    );
    expect(() => armClaims({ ...arms, problems: 7 }, report)).toThrow("other problems");
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

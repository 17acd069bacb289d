import { describe, expect, test } from "vitest";
import { depthClaims, depthExits, depthReport } from "../scripts/depth-claims.ts";

const report = depthReport("report");
if (!report) throw new Error("no docs/results/depth/report.json");
const trajectories = depthReport("trajectories");

describe("the claims on depth", () => {
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
    const [solved, accuracy, whole] = depthClaims({ ...report, models: alone }, undefined, []);
    expect([solved?.measured, whole?.measured]).toEqual([2, 14]);
    expect(accuracy?.measured).toBeCloseTo(1 / 12, 10);
  });
});

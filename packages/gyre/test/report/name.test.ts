import { describe, expect, it } from "vitest";
import { reportName } from "../../src/report/name.ts";
import { benchmarks, drafts, exits, lab, model, point, report, states, trajectories } from "./reports.ts";

const looped = model("looped", [point(1, 4), point(4, 3.5)], { step: 500, sha256: "00ff" });
const other = (name: string) => model(name, [point(1, 4)]);

describe("a report's name", () => {
  it("says what was measured", () => {
    const all = [report([looped]), trajectories(8, 4), exits(), drafts(), benchmarks(), lab(), states()];
    const names = all.map(reportName);
    expect(names.map((name) => name.replace(/-[0-9a-f]{6}$/, ""))).toEqual([
      "budgets-looped-1..4loops-65536tokens",
      "trajectories-looped-4loops-35trajectories-65536tokens",
      "exits-a-recompute-4165tokens",
      "drafts-a-192tokens",
      "benchmarks-a-piqa-1..2loops",
      "lab-errors-fall",
      "states-a-2loops-1024tokens",
    ]);
    for (const name of names) expect(name).toMatch(/-[0-9a-f]{6}$/);
  });

  it("names two models, or the first and how many others", () => {
    expect(reportName(report([looped, other("runs/My run!")]))).toMatch(
      /^budgets-looped-my-run-1\.\.4loops-/,
    );
    expect(reportName(report([looped, other("b"), other("c")]))).toMatch(/^budgets-looped-and-2-others-/);
  });

  it("is the same for the same measurement, whatever came out and whoever asked", () => {
    const again = report([{ ...looped, points: [point(1, 4.1), point(4, 3.6, { elapsedMs: 1 })] }]);
    const asked = {
      ...again.provenance,
      command: "another",
      createdAt: "later",
      commit: "9",
      machine: "big",
    };
    expect(reportName({ ...again, provenance: asked })).toBe(reportName(report([looped])));
  });

  it("is another for other weights, data, budgets or settings", () => {
    const base = report([looped]);
    const others = [
      report([{ ...looped, sha256: "00fe" }]),
      report([{ ...looped, step: 501 }]),
      report([{ ...looped, points: [point(1, 4), point(4, 3.5, { trajectory: [0.4, 0.2, 0.2, 0.2] })] }]),
      {
        ...base,
        provenance: { ...base.provenance, data: { name: "sotu", split: "validation", sha256: "1" } },
      },
      { ...base, protocol: { ...base.protocol, stride: 64 } },
      { ...base, protocol: { ...base.protocol, context: 128 } },
    ];
    expect(new Set([base, ...others].map(reportName)).size).toBe(1 + others.length);
  });

  it("names the machine of drafts alone: speed is what was measured there", () => {
    const [timed, scored] = [drafts(), exits()];
    const moved = { ...timed.provenance, machine: "another" };
    expect(reportName({ ...timed, provenance: moved })).not.toBe(reportName(timed));
    expect(reportName({ ...scored, provenance: moved })).toBe(
      reportName({ ...scored, provenance: timed.provenance }),
    );
  });

  it("names every model of a look inside several", () => {
    const { model: own, analysis } = states();
    const others = [{ model: { ...own, name: "b" }, analysis }];
    expect(reportName({ ...states(), others })).toMatch(/^states-a-b-2loops-/);
    const trained = [{ model: { ...own, name: "b", step: 501 }, analysis }];
    expect(reportName({ ...states(), others: trained })).not.toBe(reportName({ ...states(), others }));
  });

  it("says so where a server does not tell its loops", () => {
    const served = benchmarks();
    const models = served.models.map((one) => ({
      ...one,
      points: one.points.slice(0, 1).map(({ loops: _, ...at }) => ({ ...at, budget: "as served" })),
    }));
    expect(reportName({ ...served, models })).toMatch(/^benchmarks-a-piqa-as-served-/);
  });
});

import { describe, expect, it } from "vitest";
import { reportFiles } from "../../src/report/files.ts";
import { readReport } from "../../src/report/read.ts";
import type { Report } from "../../src/report/report.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { benchmarks, drafts, exits, lab, model, point, report, states, trajectories } from "./reports.ts";

const kinds: readonly Report[] = [
  report([model("a", [point(1, 4), point(2, 3.5, { stderr: 0.01 })], { step: 500, sha256: "00ff" })]),
  trajectories(4, 2),
  exits(),
  drafts(),
  states(),
  benchmarks(),
  lab(),
];

describe("readReport", () => {
  it.each(kinds.map((one) => [one.kind, one] as const))("reads back what was written: %s", (_, written) => {
    const text = reportFiles(written, "x").get("x.json") ?? "";
    expect(readReport(JSON.parse(text))).toEqual(written);
  });

  it("lists every wrong field at once", () => {
    const good = report([model("a", [point(2, 3)])]);
    const wrong = {
      ...good,
      provenance: { ...good.provenance, machine: undefined },
      protocol: { ...good.protocol, tokens: -1 },
      models: [{ ...good.models[0], points: [point(2, 3, { trajectory: [1] })] }],
      extra: true,
    };
    expect(errorOf(() => readReport(wrong, "reports/budgets.json")).message).toMatchInlineSnapshot(`
      "EVAL_REPORT: reports/budgets.json:
          provenance.machine: is missing; it must be a string
          protocol.tokens: must be a number of at least 0, not -1
          models.0.points.0.trajectory: must hold one step size for each loop
          report: unknown field "extra"
        expected: a report that gyre wrote, of version 1 or 2
        fix: measure the models again, or correct the fields listed above"
    `);
  });

  it("says that a report is of a version to come, or none", () => {
    expect(
      errorOf(() => readReport({ ...report([]), version: 3 }, "new.json")).message,
    ).toMatchInlineSnapshot(`
      "EVAL_REPORT_VERSION: new.json: a report of version 3
        expected: version 1 or 2
        fix: use the version of gyre that wrote it, or a newer one"
    `);
    expect(errorOf(() => readReport({ kind: "budgets" }, "old.json")).code).toBe("EVAL_REPORT");
    expect(errorOf(() => readReport(null, "old.json")).code).toBe("EVAL_REPORT");
  });
});

const oldProvenance = {
  createdAt: "2026-01-02T03:04:05.000Z",
  command: "gyre ...",
  machine: "2 cores",
  commit: "0123abc",
};

describe("reports of version 1", () => {
  it("on budgets and trajectories", () => {
    const { createdAt, command, machine, commit } = oldProvenance;
    const models = [
      { name: "a", family: "gpt", spec: {}, parameters: 5, trainedLoops: 1, points: [point(1, 4)] },
    ];
    const read = (kind: string) =>
      readReport({
        version: 1,
        kind,
        createdAt,
        command,
        provenance: {
          commit,
          machine,
          runtime: "onnxruntime",
          dataset: "sotu",
          split: "validation",
          tokenizer: "bytes",
          tokens: 10,
          context: 4,
          stride: 2,
        },
        models,
      });
    expect(read("budget")).toEqual({
      version: 2,
      kind: "budgets",
      provenance: {
        command,
        commit,
        createdAt,
        machine,
        runtime: "onnxruntime",
        data: { name: "sotu", split: "validation" },
      },
      protocol: { tokenizer: "bytes", tokens: 10, context: 4, stride: 2 },
      models,
    });
    expect(read("trajectories").kind).toBe("trajectories");
    expect(errorOf(() => read("budgets")).code).toBe("EVAL_REPORT");
  });

  it("on exits", () => {
    const { series, tokens, cachePolicy } = exits();
    const old = {
      version: 1,
      kind: "exits",
      ...oldProvenance,
      model: "a",
      dataset: "sotu",
      cachePolicy,
      tokens,
      series,
    };
    const read = readReport(old);
    expect(read).toMatchObject({ version: 2, kind: "exits", model: { name: "a" }, tokens, series });
    expect(read.provenance.data).toEqual({ name: "sotu", split: "validation" });
  });

  it("on drafts, with plain decoding's speed in turn from the speed-up", () => {
    const draft = { kind: "coarse", loops: 1, tokens: 2 };
    const read = readReport({
      version: 1,
      machine: "2 cores",
      loops: 4,
      tokens: 192,
      plainTokensPerSecond: 1698,
      drafts: [{ draft, tokensPerSecond: 1194, speedup: 0.94, acceptance: 0.7, blockPassesPerToken: 9 }],
      best: draft,
    });
    if (read.kind !== "drafts") throw new Error(read.kind);
    const { best, drafts: timed } = read.calibration;
    expect(best).toEqual(draft);
    expect(timed[0]?.plainTokensPerSecond).toBeCloseTo(1194 / 0.94, 9);
  });

  it("on benchmarks", () => {
    const { provenance: _, models, benchmarks: asked } = benchmarks();
    const old = {
      version: 1,
      kind: "benchmarks",
      ...oldProvenance,
      runtime: "cpu",
      benchmarks: asked,
      models,
    };
    expect(readReport(old)).toMatchObject({
      version: 2,
      kind: "benchmarks",
      models,
      provenance: { runtime: "cpu" },
    });
  });

  it("of the laboratory, whose unmeasurable numbers are null", () => {
    const read = readReport({
      version: 1,
      figure: "linear-x",
      ...oldProvenance,
      seeds: [0, 1],
      title: "t",
      subtitle: "s",
      x: { title: "x", kind: "linear" },
      y: { title: "y", kind: "log", most: 3, least: 0.1 },
      series: [
        {
          name: "bound",
          group: 2,
          isDashed: true,
          points: [
            { x: 1, y: null },
            { x: 2, y: 1, low: 0.5 },
          ],
        },
      ],
      claims: [{ text: "c", measured: null, limit: 1, holds: false }],
      settings: { a: 1 },
    });
    if (read.kind !== "lab") throw new Error(read.kind);
    const { charts, claims } = read.findings;
    expect(charts[0]?.series[0]).toMatchObject({ name: "bound", group: 2, line: "dashed" });
    expect(charts[0]?.series[0]?.points[0]?.y).toBeNaN();
    expect(claims[0]?.measured).toBeNaN();
    expect(read.provenance.seeds).toEqual([0, 1]);
  });
});

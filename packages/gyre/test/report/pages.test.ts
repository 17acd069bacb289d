import { describe, expect, it } from "vitest";
import { pageOf, reportFiles } from "../../src/report/files.ts";
import type { Report } from "../../src/report/report.ts";
import { tableText } from "../../src/report/table.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { benchmarks, drafts, exits, lab, model, point, report, trajectories } from "./reports.ts";

const budgets = [
  point(1, 4.1, { stderr: 0.012 }),
  point(2, 3.8),
  point(4, 3.52),
  point(8, 3.55, { elapsedMs: 12_345 }),
];
const one = report([model("small", budgets, { step: 500 })]);
const two = report([
  model("looped | 8", budgets),
  model("gpt <wide>", [point(1, 3.6)], { family: "gpt", parameters: 5_400_000, trainedLoops: 1 }),
]);
const tables = (of: Report) => pageOf(of).tables.map(tableText).join("\n\n");
const markdown = (of: Report, name = "report") => reportFiles(of, name).get(`${name}.md`);

describe("tables", () => {
  it("mark the best of each column", () => {
    expect(tables(one)).toMatchInlineSnapshot();
  });

  it("name the models when there are several", () => {
    expect(tables(two)).toMatchInlineSnapshot();
  });

  it("show the spread of trajectories, then the ends and the uniform one", () => {
    expect(tables(trajectories(8, 4))).toMatchInlineSnapshot();
  });

  it("show a uniform trajectory that lies off the grid", () => {
    expect(tables(trajectories(4, 3))).toMatchInlineSnapshot();
  });

  it("show a single trajectory as the best of one", () => {
    const single = pageOf(report([model("a", [point(1, 3)])], "trajectories")).tables[0];
    expect(single?.rows.map((row) => row?.map(({ text }) => text))).toEqual([
      ["1", "best of 1", "3.0000", "20.09", "1.0820", "(8)/8"],
    ]);
  });

  it("show speeds of drafts with the ratio of what is shown", () => {
    // 1194 over 1270, not over the median of other turns
    expect(tables(drafts())).toMatchInlineSnapshot();
  });

  it("need a point", () => {
    for (const kind of ["budgets", "trajectories"] as const)
      expect(errorOf(() => pageOf(report([model("a", [])], kind))).code).toBe("EVAL_REPORT_EMPTY");
  });
});

describe("Markdown", () => {
  it("of budgets holds the drawing, the table and where the numbers come from", () => {
    expect(markdown(two)).toMatchInlineSnapshot();
  });

  it("of trajectories", () => {
    expect(markdown(trajectories(4, 2), "my plot")).toMatchInlineSnapshot();
  });

  it("of exits, in panels", () => {
    expect(markdown(exits())).toMatchInlineSnapshot();
  });

  it("of drafts", () => {
    expect(markdown(drafts())).toMatchInlineSnapshot();
  });

  it("of benchmarks", () => {
    expect(markdown(benchmarks())).toMatchInlineSnapshot();
  });

  it("of the laboratory: claims, also those that fail", () => {
    expect(markdown(lab())).toMatchInlineSnapshot();
  });

  it("says what is unknown, and keeps any command in its code span", () => {
    const { machine, data } = one.provenance;
    const provenance = { machine, data, command: "gyre eval `x` ``y``\n*z*" };
    const text = markdown({ ...one, provenance });
    expect(text).toContain("- commit: unknown\n- date: unknown\n");
    expect(text).toContain("- command: ``` gyre eval `x` ``y`` *z* ```\n");
    expect(text).toContain("trained for 8 loops, after 500 steps\n");
  });
});

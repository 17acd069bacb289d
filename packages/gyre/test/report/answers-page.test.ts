import { expect, test } from "vitest";
import { pageOf, reportFiles } from "../../src/report/files.ts";
import { reportName } from "../../src/report/name.ts";
import { readReport } from "../../src/report/read.ts";
import { tableText } from "../../src/report/table.ts";
import { answers } from "./reports.ts";

test("a staircase for all models, their means, then each model's answers by difficulty", () => {
  const { title, charts, tables, notes } = pageOf(answers());
  expect(title).toBe("a, b: words S3 at every budget");
  expect(charts.map((chart) => chart.title)).toEqual(["words S3: what each number of loops solves"]);
  expect(charts[0]?.series.map(({ name, points }) => [name, points.map(({ x, y }) => [x, y])])).toEqual([
    [
      "a",
      [
        [1, 0],
        [2, 2],
        [4, 4],
      ],
    ],
    [
      "b",
      [
        [1, 0],
        [2, 4],
        [4, 8],
      ],
    ],
  ]);
  expect(notes.join(" ")).toContain("short prefixes begin rows of training");
  expect(notes.join(" ")).not.toContain("Too few");
  expect(tableText(tables[0] as (typeof tables)[0])).toContain("Share of right answers");
  const [first = "", ...lines] = tableText(tables[1] as (typeof tables)[0]).split("\n");
  expect(first).toBe("a");
  expect(lines.at(-1)).toMatch(/^solved \(95 %\) +none +2 +4$/);
  expect(lines.find((line) => line.startsWith("3 "))).toMatch(/0\.200 +0\.200 +1\.000$/);
  expect(lines.length).toBeLessThan(46);
});

test("one problem stands position by position, with its wrong answers marked", () => {
  const report = answers();
  const told = (answer: string) => (point: (typeof report.models)[0]["points"][0]) => ({
    ...point,
    example: ["231", answer],
  });
  const models = report.models.map((model, at) => ({
    ...model,
    points: model.points.slice(0, 2).map(told(at === 0 ? "123" : "312")),
  }));
  const example = { read: ["231", "231"], right: ["231", "312"] };
  const { tables } = pageOf({ ...report, models, example });
  expect(tables.slice(1).map(({ title }) => title)).toEqual([
    "a",
    "a: one problem, wrong answers marked ✗",
    "b",
    "b: one problem, wrong answers marked ✗",
  ]);
  expect(
    tableText(tables[2] as (typeof tables)[0])
      .split("\n")
      .slice(1),
  ).toEqual([
    "   read  right  1 loop  2 loops",
    "-  ----  -----  ------  -------",
    "1   231    231     231      231",
    "2   231    312   ✗ 123    ✗ 123",
  ]);
  expect(tableText(tables[4] as (typeof tables)[0])).not.toContain("✗ 312");
});

test("says what was not held out, and how written answers count", () => {
  const report = answers();
  const copy = {
    ...report.task,
    name: "copy",
    counts: "letters",
    scores: "problems",
    answer: "written",
  } as const;
  const { notes } = pageOf({ ...report, task: copy });
  expect(notes.join(" ")).toContain("greedy decoding writes all of it");
  expect(notes.join(" ")).toContain("Too few problems to hold any out at 1, 2, 3 letters");
  const several = pageOf({ ...report, task: { ...copy, hasOneAnswer: false } });
  expect(several.notes.join(" ")).toContain("any right one counts");
});

test("one number of loops has no staircase", () => {
  const report = answers();
  const models = report.models.map((model) => ({ ...model, points: model.points.slice(0, 1) }));
  expect(pageOf({ ...report, models }).charts).toEqual([]);
});

test("claims say what was measured and whether they hold", () => {
  const claim = { id: "D1", text: "loops that solve more", limit: 1 } as const;
  const { tables } = pageOf({
    ...answers(),
    claims: [
      { ...claim, measured: 2, is: "at least" },
      { ...claim, measured: 2, is: "at most" },
      { ...claim, is: "at most" },
    ],
  });
  const lines = tableText(tables[0] as (typeof tables)[0]).split("\n");
  expect(lines.slice(3)).toEqual([
    "D1  loops that solve more         2  at least 1  holds",
    "D1  loops that solve more         2  at most 1   FAILS",
    "D1  loops that solve more            at most 1   not measured",
  ]);
});

test("many models have no table each", () => {
  const report = answers();
  const models = Array.from({ length: 5 }, (_, at) => ({ ...report.models[0]!, name: `m${at}` }));
  expect(pageOf({ ...report, models }).tables).toHaveLength(1);
});

test("is read back, and called by what it measured", () => {
  const report = answers();
  const name = reportName(report);
  expect(name).toMatch(/^answers-a-b-words-s3-1\.\.4loops-50problems-[0-9a-f]{6}$/);
  const json = reportFiles(report, name).get(`${name}.json`) as string;
  expect(readReport(JSON.parse(json))).toEqual(report);
  expect(reportName({ ...report, problems: 51 })).not.toBe(name);
});

test("where all problems are equally hard nothing is climbed: right answers against loops, beside what is right without a model", () => {
  const report = answers();
  const flat = report.models.map((model) => ({
    ...model,
    points: model.points.map(({ solved: _, ...point }) => ({ ...point, scores: point.scores.slice(0, 1) })),
  }));
  const baselines = [{ name: "naive Bayes, whole texts", accuracy: 0.9635 }];
  const page = pageOf({ ...report, models: flat, difficulties: [1], baselines });
  expect(page.heatMap).toBeUndefined();
  expect(page.charts.map(({ title, y }) => [title, y.title])).toEqual([
    ["words S3: right answers by loops", "share right"],
  ]);
  expect(page.charts[0]?.series[0]?.points.map(({ y }) => y)).toEqual(
    flat[0]?.points.map(({ accuracy }) => accuracy),
  );
  expect(page.tables.map(({ title }) => title)).toEqual([
    "Share of right answers",
    "Without a model, of all that is held out",
  ]);
  expect(tableText(page.tables[0] as (typeof page.tables)[0])).not.toContain("(");
  expect(tableText(page.tables[1] as (typeof page.tables)[0])).toMatch(/naive Bayes, whole texts +0\.964/);
  expect(
    readReport(JSON.parse(reportFiles({ ...report, baselines }, "x").get("x.json") as string), "x.json"),
  ).toEqual({ ...report, baselines });
});

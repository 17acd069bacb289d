import { expect, test } from "vitest";
import { savingExits } from "../../src/report/answer-exits-page.ts";
import { pageOf } from "../../src/report/files.ts";
import { reportName } from "../../src/report/name.ts";
import { readReport } from "../../src/report/read.ts";
import { tableText } from "../../src/report/table.ts";
import { answerExits } from "./reports.ts";

test("the rules shown by difficulty are those that save most at no loss, one of each kind", () => {
  expect(savingExits(answerExits()).map(({ name }) => name)).toEqual(["kl<0.01"]);
  const { charts } = pageOf(answerExits());
  expect(charts.map(({ title, series }) => [title, series.map(({ name }) => name)])).toEqual([
    ["a: loops that each difficulty takes", ["kl<0.01"]],
    ["a: right answers by mean loops", ["fixed depth", "kl", "margin"]],
  ]);
  expect(charts[0]?.series[0]?.points).toEqual([1, 1.5, 2.5, 3].map((y, at) => ({ x: at + 1, y })));
});

test("without a rule that loses nothing only the accuracy is drawn", () => {
  const report = answerExits();
  const exits = report.exits.filter(({ name }) => !name.startsWith("kl"));
  expect(pageOf({ ...report, exits }).charts.map(({ title }) => title)).toEqual([
    "a: right answers by mean loops",
  ]);
});

test("the table has every depth and rule", () => {
  expect(tableText(pageOf(answerExits()).tables[0] as never)).toMatchInlineSnapshot(`
    "rule          right  mean loops  easiest  hardest
    ------------  -----  ----------  -------  -------
    first 1 of 3  0.500        1.00     1.00     1.00
    first 2 of 3  0.700        2.00     2.00     2.00
    first 3 of 3  0.900        3.00     3.00     3.00
    kl<0.1        0.850        1.38     1.00     2.00
    kl<0.01       0.897        2.00     1.00     3.00
    kl<0.001      0.900        2.63     2.00     3.00
    margin>0.5    0.600        1.25     1.00     2.00"
  `);
});

test("it is read again as it was, and named by what was measured", () => {
  expect(readReport(JSON.parse(JSON.stringify(answerExits())))).toEqual(answerExits());
  expect(reportName(answerExits())).toMatch(/^answer-exits-a-words-s3-100problems-[0-9a-f]{6}$/);
});

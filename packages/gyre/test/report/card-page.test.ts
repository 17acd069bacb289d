import { expect, test } from "vitest";
import { pageOf, reportFiles } from "../../src/report/files.ts";
import { readReport } from "../../src/report/read.ts";
import type { ReportOf } from "../../src/report/report.ts";
import { tableText } from "../../src/report/table.ts";
import { answerExits, exits, model, point, report, trajectories } from "./reports.ts";

const cost = {
  name: "looped",
  family: "loopformer",
  parameters: 1000,
  blocks: 1,
  blockPasses: 8,
  flopsPerToken: 4e6,
};
const baselines = [
  { ...cost, name: "once", parameters: 500, blockPasses: 1, flopsPerToken: 1e6 },
  { ...cost, name: "deep", parameters: 3600, blocks: 8 },
  { ...cost, name: "wide", parameters: 9000, blocks: 2, blockPasses: 2 },
];
const card = (more: Partial<ReportOf<"card">> = {}): ReportOf<"card"> => ({
  version: 2,
  kind: "card",
  provenance: { command: "gyre card looped", machine: "2 cores" },
  model: { name: "looped", step: 500, sha256: "0f", spec: {}, trainedLoops: 8 },
  cost,
  baselines,
  training: [{ name: "text", text: "sotu" }],
  exits: [],
  missing: [{ part: "drafts", why: "nobody asked" }],
  ...more,
});
const textOf = (one: ReportOf<"card">) => pageOf(one).tables.map(tableText).join("\n\n");

test("a baseline is called by what it shares: layers with weights, layers applied, or neither", () => {
  const rows = textOf(card()).split("\n");
  expect(rows.find((row) => row.startsWith("once"))).toMatch(
    /^once +iso-parameter +1 +500 +0\.50x +1 +1M +0\.25x$/,
  );
  expect(rows.find((row) => row.startsWith("deep"))).toMatch(/^deep +iso-FLOP +8 /);
  expect(rows.find((row) => row.startsWith("wide"))).toMatch(/^wide +neither +2 /);
});

test("without any measurement it says how the model was trained, and what is missing", () => {
  expect(pageOf(card()).tables.map(({ title }) => title)).toEqual([
    "Size, at full depth",
    "How it was trained",
    "What was not measured",
  ]);
  expect(textOf(card())).toContain("drafts  nobody asked");
});

test("each part has a table: quality beside baselines, the best trajectory, the best limit of each rule, speed", () => {
  const models = [model("looped", [point(1, 4), point(8, 3)]), model("once", [point(1, 3.5)])];
  const speed = { machine: "m", runtime: "r", promptTokens: 4, tokens: 9, residentBytes: 2e8 };
  const whole = card({
    baselines: baselines.slice(0, 1),
    quality: report(models) as ReportOf<"budgets">,
    trajectories: trajectories(8, 4) as ReportOf<"trajectories">,
    exits: [exits()],
    speed: { ...speed, points: [{ loops: 8, firstTokenMs: 12, tokensPerSecond: 250 }] },
    missing: [],
  });
  const text = textOf(whole);
  expect(text).toMatch(/\nlooped +1\.4427 +1\.0820\nonce +iso-parameter +1\.2624/);
  expect(text).toMatch(/\n +4 +35 +\(5 1 1 1\)\/8 +\d\.\d+ +\(1 1 1 5\)\/8 +\d\.\d+ +\d\.\d+/);
  expect(text).toMatch(
    /\ncache policy +rule +loss +mean loops +passes\/token +gain over chance +fixed loops\n/,
  );
  expect(text).toMatch(/\n +8 +12 ms +250/);
  expect(text).not.toContain("not measured");
  expect(readReport(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
  const html = reportFiles(whole, "card").get("card.html") ?? "";
  expect(html.match(/<img /g)?.length).toBe(pageOf(whole).charts.length);
});

test("exits on answers have a table of the whole trajectory and of what loses nothing beside it, and a chart", () => {
  const whole = card({ answerExits: answerExits() });
  const page = pageOf(whole);
  const table = page.tables.find(({ title }) => title === "Exits that lose nothing");
  expect(table && tableText(table)).toMatch(
    /\nfirst 3 of 3 +0\.900 +3\.00 +3\.00 +3\.00\nkl<0\.01 +0\.897 +2\.00 +1\.00 +3\.00$/,
  );
  expect(page.charts.map(({ title }) => title)).toEqual(["a: loops that each difficulty takes"]);
  expect(page.sources.some(({ name }) => name === "exits")).toBe(true);
  expect(readReport(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
});

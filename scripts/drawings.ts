import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { drawChart, pageOf, readReport, reportFiles } from "gyre";

const results = "docs/results";

/** The models of the README's figure, at most six; the page of all of them is beside it. */
const shown = ["gpt-shallow", "gpt-deep", "base-loop", "base-loop-ee-naive", "tmlt-ee", "loopformer"];

const readJson = (root: string, path: string) =>
  readReport(JSON.parse(readFileSync(join(root, path), "utf8")), path);

/** Pages and drawings of every report under docs/results, by path, and the report itself in today's form. */
export function drawings(root: string): ReadonlyMap<string, string> {
  const paths = readdirSync(join(root, results), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .map((path) => `${results}/${path.replaceAll("\\", "/")}`)
    .sort();
  const files = paths.flatMap((path) => {
    const all = reportFiles(readJson(root, path), basename(path, ".json"));
    return [...all].map(([file, text]) => [`${dirname(path)}/${file}`, text] as const);
  });
  return new Map([...files, [`${results}/overview.svg`, overview(root)]]);
}

function overview(root: string): string {
  const report = readJson(root, `${results}/recipes/report.json`);
  if (report.kind !== "budgets")
    throw new Error(`${results}/recipes/report.json: a report on ${report.kind}`);
  const models = shown.flatMap((name) => report.models.filter((model) => model.name === name));
  const [chart] = pageOf({ ...report, models }).charts;
  if (!chart || models.length < shown.length) throw new Error(`no model of the README's figure: ${shown}`);
  return drawChart(chart);
}

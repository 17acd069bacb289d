import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { drawChart, drawHeatMap, pageOf, readReport, reportFiles } from "gyre";

const results = "docs/results";

/** The models of the README's figure: those that loop and those that do not. */
const shownDepth = ["loopformer", "gpt", "gpt-deep"];
/** The models of the figure on text, at most six; the page of all of them is beside it. */
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
  return new Map([
    ...files,
    [`${results}/overview.svg`, overview(root)],
    [`${results}/depth/overview.svg`, depthOverview(root)],
  ]);
}

function depthOverview(root: string): string {
  const path = `${results}/depth/searched.json`;
  const report = readJson(root, path);
  if (report.kind !== "answers") throw new Error(`${path}: a report on ${report.kind}`);
  const models = shownDepth.flatMap((name) => report.models.filter((model) => model.name === name));
  const { heatMap } = pageOf({ ...report, models });
  if (!heatMap) throw new Error(`${path}: no heat map`);
  return drawHeatMap({
    ...heatMap,
    title: "Every loop follows the shuffles a step further",
    subtitle: `products of up to 12 permutations of three things: ${heatMap.subtitle}`,
  });
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

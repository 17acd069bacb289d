// `npm run recipes [-- NAME...]`: trains the comparison of recipes/README.md, one run after the other, and reports.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root, run } from "./setup.mjs";

const data = "data/sotu-4096";
const all = readdirSync(join(root, "recipes"))
  .filter((file) => file.endsWith(".json") && file !== "quickstart.json")
  .map((file) => file.slice(0, -".json".length));
const named = process.argv.slice(2);
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`unknown recipe ${unknown.join(", ")}\n  expected: ${all.join(", ")}`);
  process.exit(2);
}

const gyre = (...words) => run(process.execPath, [join(root, "packages/cli/bin/gyre.js"), ...words]);

/** Optimizer steps that a run has done; undefined where there is no run. */
function stepsDone(path) {
  const metrics = join(root, path, "metrics.jsonl");
  if (!existsSync(metrics)) return undefined;
  const last = readFileSync(metrics, "utf8").trimEnd().split("\n").at(-1);
  return last ? JSON.parse(last).step : 0;
}

const runOf = (name) => `runs/recipes/${name}`;
const stepsOf = (name) => JSON.parse(readFileSync(join(root, `recipes/${name}.json`), "utf8")).training.steps;
const isDone = (name) => stepsDone(runOf(name)) === stepsOf(name);

ensureInstalled();
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
if (!existsSync(join(root, data, "manifest.json"))) gyre("prepare", "sotu", data, "--vocab", "4096");
for (const name of named.length > 0 ? named : all) {
  if (isDone(name)) continue;
  console.log(`\n${name}`);
  if (stepsDone(runOf(name)) === undefined)
    gyre("train", data, "--out", runOf(name), "--recipe", `recipes/${name}.json`);
  else gyre("train", "--resume", runOf(name));
}
const done = all.filter(isDone);
console.log(`\nreport of ${done.length} of ${all.length} recipes: ${done.join(", ")}`);
gyre("eval", ...done.map(runOf), "--out", "docs/results/recipes");

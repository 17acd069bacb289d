// `npm run recipes [-- NAME...]`: trains the comparison of recipes/README.md, one run after the other, and reports on
// all that are done. `npm run recipes -- --search`: the learning-rate search that the recipes' rates come from.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root, run } from "./setup.mjs";

const data = "data/sotu";
const rates = [1e-3, 2e-3, 4e-3];
const searched = ["gpt-shallow", "gpt-deep", "base-loop", "tmlt", "loopformer"];
const searchSteps = 200;

const all = readdirSync(join(root, "recipes"))
  .filter((file) => file.endsWith(".json") && file !== "quickstart.json")
  .map((file) => file.slice(0, -".json".length))
  .sort();
const isSearch = process.argv.includes("--search");
const named = process.argv.slice(2).filter((word) => word !== "--search");
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

/** Trains a recipe into `path`, goes on with it where it was stopped, or leaves it where it is done. */
function trained(path, name, steps, ...flags) {
  const done = stepsDone(path);
  if (done === steps) return;
  console.log(`\n${path}`);
  if (done === undefined) gyre("train", data, "--out", path, "--recipe", `recipes/${name}.json`, ...flags);
  else gyre("train", "--resume", path);
}

/** Every rate for a fraction of the steps: all runs in one report, each at its full depth. */
function search() {
  const runs = searched.flatMap((name) =>
    rates.map((rate) => {
      const path = `runs/search/${name}-${rate}`;
      trained(path, name, searchSteps, "--learning-rate", `${rate}`, "--steps", `${searchSteps}`);
      return path;
    }),
  );
  gyre("eval", ...runs, "--max-tokens", "50000", "--out", "docs/results/learning-rates");
}

function compare() {
  const stepsOf = (name) =>
    JSON.parse(readFileSync(join(root, `recipes/${name}.json`), "utf8")).training.steps;
  for (const name of named.length > 0 ? named : all) trained(`runs/recipes/${name}`, name, stepsOf(name));
  const done = all.filter((name) => stepsDone(`runs/recipes/${name}`) === stepsOf(name));
  console.log(`\nreport of ${done.length} of ${all.length} recipes: ${done.join(", ")}`);
  gyre("eval", ...done.map((name) => `runs/recipes/${name}`), "--out", "docs/results/recipes");
}

ensureInstalled();
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
if (!existsSync(join(root, data, "manifest.json"))) gyre("prepare", "sotu", data, "--vocab", "2048");
if (isSearch) search();
else compare();

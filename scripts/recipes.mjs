// `npm run recipes [-- [--small] NAME...]`: trains the comparison of recipes/README.md, one run after the other, and
// reports. --small takes the size and the training of recipes/quickstart.json: four minutes a run.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root, run } from "./setup.mjs";

const isSmall = process.argv.includes("--small");
const [data, vocab, folder] = isSmall
  ? ["data/sotu", "2048", "small"]
  : ["data/sotu-4096", "4096", "recipes"];
const all = readdirSync(join(root, "recipes"))
  .filter((file) => file.endsWith(".json") && file !== "quickstart.json")
  .map((file) => file.slice(0, -".json".length));
const named = process.argv.slice(2).filter((word) => word !== "--small");
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

const runOf = (name) => `runs/${folder}/${name}`;
const readRecipe = (name) => JSON.parse(readFileSync(join(root, `recipes/${name}.json`), "utf8"));
const quickstart = readRecipe("quickstart");
const stepsOf = (name) => (isSmall ? quickstart : readRecipe(name)).training.steps;
const isDone = (name) => stepsDone(runOf(name)) === stepsOf(name);

/** Flags that turn a recipe into its small version: half the layers, the quickstart's other sizes and training. */
function smaller(name) {
  if (!isSmall) return [];
  const { family: _, loops: __, ...sizes } = quickstart.model;
  const fields = { ...sizes, layers: readRecipe(name).model.layers / 2, ...quickstart.training };
  const kebab = (field) => field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return Object.entries(fields).flatMap(([field, value]) => [`--${kebab(field)}`, String(value)]);
}

ensureInstalled();
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
if (!existsSync(join(root, data, "manifest.json"))) gyre("prepare", "sotu", data, "--vocab", vocab);
for (const name of named.length > 0 ? named : all) {
  if (isDone(name)) continue;
  console.log(`\n${name}`);
  if (stepsDone(runOf(name)) === undefined)
    gyre("train", data, "--out", runOf(name), "--recipe", `recipes/${name}.json`, ...smaller(name));
  else gyre("train", "--resume", runOf(name));
}
const done = all.filter(isDone);
console.log(`\nreport of ${done.length} of ${all.length} recipes: ${done.join(", ")}`);
gyre("eval", ...done.map(runOf), "--out", `docs/results/${folder}`);

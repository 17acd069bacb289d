// `npm run recipes [-- NAME...]`: trains the comparison of recipes/README.md, and reports on all that are done.
// `--jobs N`: so many at a time, the cores shared out between them. `--depth`: the comparison of recipes/depth instead. `--search FOLDER`:
// the sweeps of recipes/sweeps/FOLDER, which search rates and starts for the recipes.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { searchAll, sweepsIn } from "./search.mjs";
import { ensureInstalled, root, run } from "./setup.mjs";

const data = "data/sotu";
/** Folders of recipes/sweeps that recipes rest on, and where the reports of their sweeps stand. */
const searches = {
  "learning-rates": "docs/results/learning-rates",
  starts: "docs/results/starts",
  depth: "docs/results/depth/search",
};
/** Tasks beside state tracking: how the names of their recipes begin, and the names of their reports. */
const furtherTasks = ["prefix-sum", "sudoku", "reverse"];
/** The comparisons of recipes/depth, by the beginning of their recipes' names: rows of 12 elements and of 24, and further tasks. */
const depthStudies = [
  { prefix: "words-s3-searched-", runs: "runs/depth-searched", report: "searched", seeds: [1, 2, 3] },
  {
    prefix: "words-s3-12-",
    runs: "runs/depth-12",
    report: "report",
    seeds: {
      loopformer: [1, 2, 3],
      "loopformer-curriculum": [1, 2, 3],
      "early-exit": [1, 2, 3],
    },
  },
  { prefix: "words-s3-", runs: "runs/depth-24", report: "24-elements", seeds: { loopformer: [1, 2] } },
  ...furtherTasks.map((task) => ({
    prefix: `${task}-`,
    runs: `runs/depth-${task}`,
    report: task,
    seeds: { loopformer: [1, 2, 3], "early-exit": [1, 2, 3] },
  })),
];
const depthRecipe = (file) => {
  const study = depthStudies.find(({ prefix }) => file.startsWith(prefix));
  return study && { study, file, name: file.slice(study.prefix.length) };
};
const bin = join(root, "packages/cli/bin/gyre.js");

/** Recipes that stand for themselves, on other data. */
const apart = ["quickstart.json", "nanogpt-cpu.json"];

const recipesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".json") && !apart.includes(file))
    .map((file) => file.slice(0, -".json".length))
    .sort();

function refuse(given, expected) {
  console.error(`${given}\n  expected: ${expected}`);
  process.exit(2);
}

function parsed() {
  const options = {
    search: { type: "string" },
    depth: { type: "boolean" },
    jobs: { type: "string", default: "1" },
  };
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return refuse(error.message, "[--search FOLDER | --depth] [--jobs N] [NAME...]");
  }
}

const { values, positionals: named } = parsed();
if (values.search && values.depth) refuse("--search with --depth", "one of them");
if (values.search !== undefined && !Object.hasOwn(searches, values.search))
  refuse(`--search ${values.search}`, Object.keys(searches).join(", "));
const sweeps = `recipes/sweeps/${values.search}`;
const all = values.search
  ? sweepsIn(join(root, sweeps))
  : recipesIn(values.depth ? "recipes/depth" : "recipes").filter(
      (name) => !values.depth || (depthRecipe(name) && !name.endsWith("quickstart")),
    );
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) refuse(`unknown recipe ${unknown.join(", ")}`, all.join(", "));
const jobs = Number(values.jobs);
if (!(Number.isInteger(jobs) && jobs >= 1)) refuse(`--jobs ${values.jobs}`, "a whole number of at least 1");
const threads = Math.max(1, Math.floor(availableParallelism() / jobs));

const gyre = (...words) => run(process.execPath, [bin, ...words]);

/** Optimizer steps that a run has done; undefined where there is no run. */
function stepsDone(path) {
  const metrics = join(root, path, "metrics.jsonl");
  if (!existsSync(metrics)) return undefined;
  const last = readFileSync(metrics, "utf8").trimEnd().split("\n").at(-1);
  return last ? JSON.parse(last).step : 0;
}

/** Runs gyre with its output in a file beside the run; several may do so at a time. */
function logged(path, words) {
  const log = `${path}.log`;
  mkdirSync(dirname(join(root, log)), { recursive: true });
  console.log(`${path}: see ${log}`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...words], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const file = createWriteStream(join(root, log), { flags: "a" });
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.on("close", (code) => {
      console.log(`${path}: ${code === 0 ? "done" : `ended with exit code ${code}`}`);
      if (code !== 0) process.exitCode = 1;
      resolve();
    });
  });
}

/** Trains a recipe into `path`, goes on with it where it was stopped, or leaves it where it is done. */
async function trained({ path, recipe, steps, from = [data], flags = [] }) {
  const done = stepsDone(path);
  if (done === steps) return;
  const fresh = ["train", ...from, "--out", path, "--recipe", recipe, ...flags];
  const words = [...(done === undefined ? fresh : ["train", "--resume", path]), "--threads", `${threads}`];
  if (jobs > 1) return await logged(path, words);
  console.log(`\n${path}`);
  gyre(...words);
}

/** Trains all of them, `jobs` at a time. */
async function trainAll(runs) {
  const waiting = [...runs];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await trained(next);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

/** Every sweep of a folder, and the pages of their reports. */
function search() {
  process.chdir(root);
  searchAll({
    folder: sweeps,
    names: named.length > 0 ? named : all,
    runs: `runs/search/${values.search}`,
    results: searches[values.search],
    words: ["--jobs", `${jobs}`, "--threads", `${threads}`],
    gyre,
  });
  run(process.execPath, [join(root, "scripts/ts.mjs"), join(root, "scripts/generate.ts")]);
}

async function compare() {
  const runs = all.map((name) => ({
    name,
    path: `runs/recipes/${name}`,
    recipe: `recipes/${name}.json`,
    steps: stepsOf(`recipes/${name}.json`),
  }));
  await trainAll(runs.filter(({ name }) => named.length === 0 || named.includes(name)));
  const done = runs.filter(({ path, steps }) => stepsDone(path) === steps);
  console.log(
    `\nreport of ${done.length} of ${all.length} recipes: ${done.map(({ name }) => name).join(", ")}`,
  );
  if (done.length > 0)
    gyre("eval", ...done.map(({ path }) => path), "--out", "docs/results/recipes", "--name", "report");
}

const stepsOf = (recipe) => JSON.parse(readFileSync(join(root, recipe), "utf8")).training.steps;

/** Every recipe of recipes/depth with its seeds; then a report of all that are done, and what it says of the claims. */
async function compareDepth() {
  const runs = all.flatMap((file) => {
    const { study, name } = depthRecipe(file);
    const recipe = `recipes/depth/${file}.json`;
    const seeds = Array.isArray(study.seeds) ? study.seeds : (study.seeds[name] ?? [1]);
    return seeds.map((seed) => ({
      file,
      name,
      study,
      path: `${study.runs}/${name}${seed > 1 ? `-seed${seed}` : ""}`,
      recipe,
      from: [],
      steps: stepsOf(recipe),
      flags: ["--seed", `${seed}`],
    }));
  });
  await trainAll(runs.filter(({ file }) => named.length === 0 || named.includes(file)));
  const done = runs.filter(({ path, steps }) => stepsDone(path) === steps);
  for (const study of depthStudies)
    reportDepth(
      study,
      done.filter((one) => one.study === study),
    );
  run(process.execPath, [join(root, "scripts/ts.mjs"), join(root, "scripts/depth-reports.ts")]);
}

function reportDepth({ report }, done) {
  if (done.length === 0) return;
  const into = ["--count", "2000", "--seed", "1", "--out", "docs/results/depth"];
  const loops = ["--loops", "1,2,3,4,5,6,7,8,10,12"];
  const isCurriculum = ({ name }) => name === "loopformer-curriculum";
  const pathsOf = (some) => some.map(({ path }) => path);
  const [paths, grown] = [
    pathsOf(done.filter((one) => !isCurriculum(one))),
    pathsOf(done.filter(isCurriculum)),
  ];
  if (paths.length > 0) gyre("eval", ...paths, ...loops, ...into, "--name", report);
  if (grown.length > 0)
    gyre("eval", ...grown, ...loops, "--difficulty", "12", ...into, "--name", "curriculum");
  const elastic = done.filter(({ name }) => name === "loopformer").map(({ path }) => path);
  if (report !== "report" || elastic.length === 0) return;
  gyre("eval", ...elastic, "--trajectories", "recipes/twelve-loops.txt", ...into, "--name", "trajectories");
  for (const path of elastic)
    gyre("exits", path, ...into, "--name", `exits${/-seed\d+$/.exec(path)?.[0] ?? ""}`);
}

ensureInstalled();
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
const needsText =
  !values.depth && values.search !== "depth" && !existsSync(join(root, data, "manifest.json"));
if (needsText) gyre("prepare", "sotu", data, "--vocab", "2048");
await (values.depth ? compareDepth() : values.search ? search() : compare());

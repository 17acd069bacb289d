// `npm run quickstart`: from a clean clone to a trained LoopFormer, its budget curve, and text at three depths.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root } from "./setup.mjs";

const data = "data/sotu";
const run = "runs/quickstart";
const recipe = "recipes/quickstart.json";
const { loops, steps } = flatten(JSON.parse(readFileSync(join(root, recipe), "utf8")));

function flatten({ model, training }) {
  return { ...model, ...training };
}

function say(text) {
  console.log(`\n${text}`);
}

/** Runs one gyre command, as a reader would type it, and shows it first. */
function gyre(...words) {
  say(`$ npx gyre ${words.map((word) => (/\s/.test(word) ? JSON.stringify(word) : word)).join(" ")}`);
  const bin = join(root, "packages/cli/bin/gyre.js");
  const { status, signal } = spawnSync(process.execPath, [bin, ...words], { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error(
      `\nstopped${signal ? ` by ${signal}` : ""}; run npm run quickstart again to go on from here`,
    );
    process.exit(status ?? 130);
  }
}

/** The last optimizer step of the run that is there, if one is. */
function stepsDone() {
  const metrics = join(root, run, "metrics.jsonl");
  if (!existsSync(metrics)) return undefined;
  const last = readFileSync(metrics, "utf8").trimEnd().split("\n").at(-1);
  try {
    return JSON.parse(last || "{}").step ?? 0;
  } catch {
    return 0;
  }
}

ensureInstalled();
console.log(
  "gyre quickstart: text, a model whose depth is a dial, what each depth is worth, and what it writes.",
);
const { status } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(status ?? 1);

if (existsSync(join(root, data, "manifest.json"))) say(`${data} is prepared already`);
else gyre("prepare", "sotu", data, "--vocab", "2048");

const done = stepsDone();
if (done === undefined) gyre("train", data, "--out", run, "--recipe", recipe);
else if (done < steps) gyre("train", "--resume", run);
else say(`${run} is trained already`);

gyre("eval", run, "--max-tokens", "65536");
for (const depth of [1, Math.ceil(loops / 2), loops]) {
  const prompt = ["--prompt", "My fellow citizens, the state of our"];
  gyre(
    "generate",
    run,
    ...prompt,
    "--loops",
    String(depth),
    "--max-tokens",
    "50",
    "--temperature",
    "0.7",
    "--top-k",
    "40",
  );
}

say(`The report is ${run}/reports/latest.md; its figure and its numbers are beside it. Next:
  npx gyre generate ${run} --trajectory 0.5,0.25,0.25 --prompt "The Congress"   steps of unequal size
  npx gyre eval ${run} --trajectories all --loops 2                             every schedule of two loops
  npx gyre inspect ${run} --graph step                                          the training step as a graph
  npx gyre train data/sotu --out runs/deep --loops 8 --width 256 --steps 2000   a larger model (about an hour)
README.md shows the library behind the commands; recipes/ has the comparison with the baselines.`);

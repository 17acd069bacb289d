// `npm run quickstart`: from a clean clone to a model that thinks further with every loop, and one that writes at any depth.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root } from "./setup.mjs";

const data = "data/sotu";
const words = "runs/quickstart-words";
const text = "runs/quickstart";

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

/** Trains a run by its recipe, goes on with one that was stopped, and leaves one that is done. */
function train(run, recipe, ...data) {
  const { steps } = JSON.parse(readFileSync(join(root, recipe), "utf8")).training;
  const done = stepsDone(run);
  if (done === undefined) gyre("train", ...data, "--out", run, "--recipe", recipe);
  else if (done < steps) gyre("train", "--resume", run);
  else say(`${run} is trained already`);
}

/** The last optimizer step of a run, if it is there. */
function stepsDone(run) {
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
console.log("gyre quickstart, about six minutes on two cores: where depth pays, and text at any depth.");
const { status } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(status ?? 1);

say(`1. Three things change places again and again: who stands where? "213" swaps the first two, "132" the last two.
A model of one layer reads the moves and says after each where all three are. Each loop lets it follow a little
further; 12 loops are more than it ever saw in training. Short rows come first, which helps; how far a seed gets is luck.`);
train(words, "recipes/depth/words-s3-12-loopformer-curriculum.json");
gyre("eval", words, "--loops", "1,2,4,8,12", "--difficulty", "12", "--count", "500");

say("2. The same architecture on text: speeches on the state of the union since 1790.");
if (existsSync(join(root, data, "manifest.json"))) say(`${data} is prepared already`);
else gyre("prepare", "sotu", data, "--vocab", "2048");
train(text, "recipes/quickstart.json", data);
gyre("eval", text, "--max-tokens", "65536");
const prompt = ["--prompt", "My fellow citizens, the state of our", "--max-tokens", "50", "--window", "stop"];
const choice = ["--temperature", "0.7", "--top-k", "40"];
for (const loops of ["1", "4"]) gyre("generate", text, ...prompt, "--loops", loops, ...choice);

const next = [
  ["prepare notes.txt data/notes", "text of your own, a file or a folder"],
  ["train data/notes --out runs/notes", "a model of it"],
  [`serve ${text}`, "OpenAI's API, for any client that chats or completes"],
  ["studio", "pages in which the number of loops is a dial"],
  [`generate ${text} --trajectory 0.5,0.25,0.25 --prompt "We"`, "steps of unequal size"],
  [`exits ${words}`, "which answers need how many loops"],
  [`analyze ${words}`, "what each loop does to the states"],
];
const width = Math.max(...next.map(([command]) => command.length));
say(`Reports with figures: ${words}/reports/latest.md and ${text}/reports/latest.md. Next:
${next.map(([command, what]) => `  npx gyre ${command.padEnd(width)}   ${what}`).join("\n")}
A chat with what is served, at two loops:
  curl http://127.0.0.1:8080/v1/chat/completions -H "Content-Type: application/json" \\
    -d '{"model": "quickstart", "messages": [{"role": "user", "content": "How is the state of our union?"}], "loops": 2, "max_tokens": 40}'
README.md shows the library behind the commands; docs/results has what was measured at length.`);

// `npm run size`: source lines (blank ones left out) against the budget of each part; exits 1 when one is over.
// The limits of a file and a function are Biome's (biome.jsonc).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const library = "packages/gyre/src";
const parts = [
  {
    name: "engine",
    folders: ["util", "graph", "grad", "onnx", "interp", "nn", "optim", "runtime"].map(inLibrary),
    most: 5000,
  },
  { name: "models", folders: ["models", "families"].map(inLibrary), most: 3000 },
  { name: "files", folders: ["checkpoint", "data", "runs"].map(inLibrary), most: 9200 },
  { name: "decoding", folders: ["decode"].map(inLibrary), most: 2500 },
  { name: "training", folders: ["train", "ranks", "sweep"].map(inLibrary), most: 3000 },
  { name: "measuring", folders: ["measure", "report"].map(inLibrary), most: 7900 },
  { name: "tasks", folders: ["tasks"].map(inLibrary), most: 3500 },
  { name: "laboratory", folders: ["lab"].map(inLibrary), most: 3500 },
  { name: "page", folders: ["web"].map(inLibrary), most: 1500 },
  { name: "server", folders: ["server"].map(inLibrary), most: 3500 },
  { name: "command line", folders: ["packages/cli/src"], most: 6300 },
  { name: "studio", folders: ["packages/studio/src"], most: 4000 },
];

function inLibrary(folder: string): string {
  return `${library}/${folder}`;
}

function linesOf(folder: string): number {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  const sources = files.filter((file) => /\.(ts|svelte)$/.test(file));
  const texts = sources.map((file) => readFileSync(join(root, folder, file), "utf8"));
  return texts.flatMap((text) => text.split("\n")).filter((line) => line.trim() !== "").length;
}

for (const { name, folders, most } of parts) {
  const lines = folders.reduce((sum, folder) => sum + linesOf(folder), 0);
  console.log(`${name}: ${lines} of ${most} lines`);
  if (lines > most) process.exitCode = 1;
}

const counted = new Set(parts.flatMap(({ folders }) => folders));
for (const entry of readdirSync(join(root, library), { withFileTypes: true })) {
  if (!entry.isDirectory() || counted.has(inLibrary(entry.name))) continue;
  console.log(`${inLibrary(entry.name)} belongs to no part: give it a budget in scripts/size.ts`);
  process.exitCode = 1;
}

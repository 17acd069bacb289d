// `npm run size`: source lines (blank ones left out) against their budgets; exits 1 when one is over.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const budgets = [
  { name: "library", folder: "packages/gyre/src", without: ["server", "lab"], most: 11_500 },
  { name: "server", folder: "packages/gyre/src/server", without: [], most: 2500 },
  { name: "laboratory", folder: "packages/gyre/src/lab", without: [], most: 4500 },
  { name: "command line", folder: "packages/cli/src", without: [], most: 2500 },
];
const longestFile = 400;

let isOver = false;
for (const { name, folder, without, most } of budgets) {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !without.some((part) => file.startsWith(`${part}/`)),
  );
  const sizes = files.map((file) => ({
    file,
    lines: readFileSync(join(root, folder, file), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "").length,
  }));
  const total = sizes.reduce((sum, { lines }) => sum + lines, 0);
  const long = sizes.filter(({ lines }) => lines > longestFile);
  console.log(`${name}: ${total} of ${most} lines in ${files.length} files`);
  for (const { file, lines } of long) console.log(`  ${folder}/${file}: ${lines} lines, over ${longestFile}`);
  isOver ||= total > most || long.length > 0;
}
process.exitCode = isOver ? 1 : 0;

// `npm test`: sets up, runs every test, and closes with `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root } from "./setup.mjs";

ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), "gyre-test-"));
const report = join(folder, "report.json");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile=${report}`];
const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
let counts = { numPassedTests: 0, numFailedTests: 0 };
try {
  counts = JSON.parse(readFileSync(report, "utf8"));
} finally {
  rmSync(folder, { recursive: true, force: true });
  console.log(`${counts.numPassedTests} passed, ${counts.numFailedTests} failed`);
}
process.exit(status ?? 1);

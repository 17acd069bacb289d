// Installs the locked dependencies when they are not there yet; every npm script begins with it. Needs nothing but Node and npm.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a command in the repository and ends this process with its exit code if it fails. */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

export function ensureInstalled() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(
      `gyre needs Node 20.19 or newer; this is ${process.version}. Install a newer Node and try again.`,
    );
    process.exit(1);
  }
  const installed = `${root}node_modules/.package-lock.json`;
  const fresh =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${root}package-lock.json`).mtimeMs;
  if (fresh) return;
  console.log("Installing dependencies (npm ci) ...");
  process.env.ONNXRUNTIME_NODE_INSTALL = "skip";
  run("npm", ["ci", "--no-fund", "--no-audit"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureInstalled();

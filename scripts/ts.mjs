// `npm run gyre` and its like: sets up if need be, then runs a TypeScript file of this repository with the words after it.
import { spawn } from "node:child_process";
import process from "node:process";
import { ensureInstalled } from "./setup.mjs";

ensureInstalled();
const flags = ["--import", "tsx", "--conditions", "@gyre/source"];
const child = spawn(process.execPath, [...flags, ...process.argv.slice(2)], { stdio: "inherit" });
// Ctrl-C reaches the child by itself; it decides when to end
process.on("SIGINT", () => undefined);
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (signal) process.kill(process.pid, signal === "SIGINT" ? "SIGTERM" : signal);
  else process.exit(code);
});

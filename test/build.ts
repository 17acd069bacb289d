import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Builds the packages once before all tests, which run the command line as its users do: from source it starts four times as slowly. */
export default function build(): void {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { status } = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-b"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the packages do not build: see above");
}

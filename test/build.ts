import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * Before all tests the packages are built once: the command line runs as its users run it, and from source it would start four times as
 * slowly. Tarballs are packed once too, by the first test that wants them, into a folder that goes when all tests are done.
 */
export default function build(): () => void {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const compiler = "node_modules/typescript/bin/tsc";
  const { status } = spawnSync(process.execPath, [compiler, "-b"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the packages do not build: see above");
  const packed = mkdtempSync(join(tmpdir(), "gyre-packed-"));
  process.env["GYRE_PACKED"] = packed;
  return () => rmSync(packed, { recursive: true, force: true });
}

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
export const packingEnv = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip", NO_COLOR: "1" };

/** The tarballs, packed once for all tests of a run; those that want them do not run at the same time (vitest.config.ts). */
export async function pack(): Promise<Readonly<Record<"gyre" | "cli", string>>> {
  const folder = process.env["GYRE_PACKED"];
  if (!folder) throw new Error("no folder for tarballs: test/build.ts makes it");
  const { version } = JSON.parse(await readFile(join(root, "packages/gyre/package.json"), "utf8")) as {
    version: string;
  };
  const tarballs = {
    gyre: join(folder, `gyre-${version}.tgz`),
    cli: join(folder, `gyre-cli-${version}.tgz`),
  };
  if (!existsSync(tarballs.cli)) await packInto(folder);
  return tarballs;
}

/** Packs a copy of the packages, so that a build that others use stays as it is. */
async function packInto(folder: string): Promise<void> {
  const copy = await mkdtemp(join(folder, "copy-"));
  const isSource = (path: string) => !/\/(dist|node_modules)(\/|$)|\.tsbuildinfo$/.test(path);
  // with its times, by which setup.mjs sees that the packages beside it are those of the lock file: it would install them all once more
  const options = { recursive: true, preserveTimestamps: true, filter: isSource };
  for (const part of [
    "packages",
    "models",
    "scripts",
    "package.json",
    "package-lock.json",
    "tsconfig.base.json",
  ])
    await cp(join(root, part), join(copy, part), options);
  const modules = join(copy, "node_modules");
  await mkdir(join(modules, "@gyre"), { recursive: true });
  for (const name of await readdir(join(root, "node_modules")))
    if (name !== "gyre" && name !== "@gyre")
      await symlink(join(root, "node_modules", name), join(modules, name));
  await symlink(join(copy, "packages", "gyre"), join(modules, "gyre"));
  await promisify(execFile)(process.execPath, [join(copy, "scripts", "pack.mjs"), folder], {
    cwd: copy,
    env: packingEnv,
  });
}

import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
export const packingEnv = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip", NO_COLOR: "1" };

/** Packs a copy of the packages into a folder, so that a build that others use stays as it is: the tarballs. */
export async function pack(folder: string): Promise<Readonly<Record<"gyre" | "cli", string>>> {
  const copy = join(folder, "copy");
  const isSource = (path: string) => !/\/(dist|node_modules)(\/|$)|\.tsbuildinfo$/.test(path);
  for (const part of [
    "packages",
    "models",
    "scripts",
    "package.json",
    "package-lock.json",
    "tsconfig.base.json",
  ])
    await cp(join(root, part), join(copy, part), { recursive: true, filter: isSource });
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
  const { version } = JSON.parse(await readFile(join(root, "packages/gyre/package.json"), "utf8")) as {
    version: string;
  };
  return { gyre: join(folder, `gyre-${version}.tgz`), cli: join(folder, `gyre-cli-${version}.tgz`) };
}

// `npm run pack [-- FOLDER]`: builds both packages anew, without what is left of deleted files, and packs them into FOLDER
// (dist/ by default). A script of its own, because .npmrc lets npm run no scripts by itself.
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { ensureInstalled, root, run } from "./setup.mjs";

const folder = resolve(process.argv[2] ?? join(root, "dist"));
const packages = ["packages/gyre", "packages/cli"];

ensureInstalled();
for (const path of packages)
  for (const left of ["dist", "tsconfig.tsbuildinfo"])
    rmSync(join(root, path, left), { recursive: true, force: true });
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b", ...packages]);
// the studio is part of the command line's package; whatever the caller's NODE_ENV says, it is built for use
process.env.NODE_ENV = "production";
const vite = join(root, "node_modules/vite/bin/vite.js");
run(process.execPath, [vite, "build", join(root, "packages/studio"), "--logLevel", "warn"]);
mkdirSync(folder, { recursive: true });
for (const path of packages) run("npm", ["pack", `./${path}`, "--pack-destination", folder]);

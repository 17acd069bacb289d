import { join } from "node:path";
import { build } from "esbuild";
import { repositoryRoot } from "../harness.ts";

/**
 * Compiles a script of this folder ahead, as users run gyre: tsx would name every closure at run time, which takes
 * a twentieth of a token. Gives the path of the module.
 */
export async function compileSide(name: string): Promise<string> {
  const outfile = join(repositoryRoot, "bench/dist", `${name}.mjs`);
  await build({
    entryPoints: [join(repositoryRoot, "bench/ours", `${name}.ts`)],
    outfile,
    bundle: true,
    packages: "external",
    conditions: ["@gyre/source"],
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  return outfile;
}

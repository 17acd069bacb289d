import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyRuns } from "./tiny-runs.ts";

let runs: Awaited<ReturnType<typeof tinyRuns>>;
beforeAll(async () => {
  runs = await tinyRuns("tiny");
});
afterAll(() => runs.remove());

const source = fileURLToPath(new URL("../../src/server.ts", import.meta.url));

/** Runs a module in a process that cannot find a package, as where it is not installed. */
async function without(name: string, code: string): Promise<string> {
  const hook = `export const resolve = (wanted, context, next) => {
    if (wanted !== "${name}" && !wanted.startsWith("${name}/")) return next(wanted, context);
    throw Object.assign(new Error("Cannot find package '${name}'"), { code: "ERR_MODULE_NOT_FOUND" });
  };`;
  const setUp = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hook))});`;
  const flags = [
    "--import",
    import.meta.resolve("tsx"),
    "--import",
    dataUrl(setUp),
    "--conditions",
    "@gyre/source",
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...flags,
    "--input-type=module",
    "-e",
    code,
  ]);
  return stdout;
}

const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

test.each(["hono", "@hono/node-server", "prom-client"])(
  "gyre/server loads without %s, and serving names what to install",
  { timeout: 30_000 },
  async (name) => {
    const stdout = await without(
      name,
      `const { serve } = await import(${JSON.stringify(pathToFileURL(source).href)});
       const refused = await serve([${JSON.stringify(runs.paths[0])}], { port: 0, threads: 1 }).catch((error) => error);
       console.log(refused.message);`,
    );
    expect(stdout).toContain(
      `SERVE_PACKAGES: gyre/server without a package that it needs (Cannot find package '${name}')`,
    );
    expect(stdout).toContain("fix: npm install hono @hono/node-server prom-client");
  },
);

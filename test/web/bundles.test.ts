import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build as esbuild } from "esbuild";
import { bytesTokenizer, generate, initialWeights, loopformer, startFrom } from "gyre";
import { createRun, exportOfficial, openOnnxRuntime } from "gyre/node";
import type { fetchModel, WorkerModel } from "gyre/web";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StaticServer, serveFolder } from "../../packages/gyre/test/runs/static-server.ts";
import { pack } from "../packing.ts";
import { chromiumPath, openBrowser } from "./browser.ts";

// The library as a page gets it: from the packed tarball, bundled by vite, by esbuild, or not at all.

const root = fileURLToPath(new URL("../../", import.meta.url));
const minutes = 60_000;
/** The page's own, which Node has not. */
declare const location: { readonly href: string };
const spec = loopformer({ vocab: 257, context: 64, width: 32, heads: 4, mlp: 64, layers: 2, loops: 4 });
const prompt = "The river";
const loops = 3;

const main = `
import { generate } from "gyre";
import { connectWorker, fetchModel, openWebRuntime } from "gyre/web";

const write = async (url, options) => {
  const model = await fetchModel(url);
  const { runtime } = await openWebRuntime({ threads: 1, wasmPaths: "/ort/" });
  const { tokenizer } = model;
  const tokens = [];
  for await (const { token } of generate({ ...model, runtime }, tokenizer.encode(${JSON.stringify(prompt)}), options))
    tokens.push(token);
  return tokens;
};
`;
const workerMain = `${main}
const open = () => connectWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
Object.assign(globalThis, { write, fetchModel, open });
`;
const html = (script: string) =>
  `<!doctype html><meta charset="utf-8"><title>gyre</title><link rel="icon" href="data:,">${script}`;

/** What the pages offer to the tests. */
interface Offered {
  readonly write: (url: string, options: object) => Promise<number[]>;
  readonly fetchModel: typeof fetchModel;
  readonly open: () => WorkerModel;
}

let folder = "";
let server: StaticServer;
let browser: Browser;
const at = (...names: string[]) => join(folder, ...names);

async function makeFiles(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(at(name)), { recursive: true });
    await writeFile(at(name), text);
  }
}

/** The tarball unpacked where npm would put it, beside the packages that it needs in a page. */
async function installTarball(): Promise<void> {
  const tarballs = await pack();
  await mkdir(at("node_modules", "gyre"), { recursive: true });
  await promisify(execFile)("tar", [
    "-xzf",
    tarballs.gyre,
    "-C",
    at("node_modules", "gyre"),
    "--strip-components=1",
  ]);
  for (const name of ["zod", "@noble", "onnxruntime-web", "onnxruntime-common"])
    await symlink(join(root, "node_modules", name), at("node_modules", name));
  await cp(join(root, "node_modules/onnxruntime-web/dist"), at("ort"), {
    recursive: true,
    filter: (path) => !path.endsWith(".map"),
  });
}

async function makeModel(): Promise<void> {
  await using run = await createRun(at("run"), { kind: "imported", spec, tokenizer: bytesTokenizer() });
  await run.save(startFrom(initialWeights(spec, 3)));
  await exportOfficial(run, at("hub"));
}

/** What Node's native runtime writes. */
async function nodeTokens(): Promise<number[]> {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const model = { spec, weights: initialWeights(spec, 3), runtime };
  const tokens: number[] = [];
  const options = { loops, maxTokens: 24, temperature: 0, vocab: 257, stop: 256 };
  for await (const { token } of generate(model, bytesTokenizer().encode(prompt), options)) tokens.push(token);
  return tokens;
}

async function openPage(
  path: string,
  context?: BrowserContext,
): Promise<{ page: Page; complaints: string[] }> {
  const page = await (context ?? browser).newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(`${server.url}${path}`);
  await page.waitForFunction("globalThis.write !== undefined").catch(() => {
    throw new Error(`the page did not start: ${complaints.join("; ")}`);
  });
  return { page, complaints };
}

const writeIn = (page: Page) =>
  page.evaluate((options) => (globalThis as unknown as Offered).write("/run/", options), {
    loops,
    maxTokens: 24,
    temperature: 0,
    vocab: 257,
    stop: 256,
  });

const writeInWorker = (page: Page) =>
  page.evaluate(
    async ({ options, text }) => {
      const { open } = globalThis as unknown as Offered;
      const worker = open();
      await worker.load({ url: "/hub/", threads: 1, wasmPaths: new URL("/ort/", location.href).href });
      const tokens: number[] = [];
      for await (const { token } of worker.generate(text, options)) tokens.push(token);
      await worker[Symbol.asyncDispose]();
      return tokens;
    },
    { options: { loops, maxTokens: 24, temperature: 0 }, text: prompt },
  );

describe.skipIf(!chromiumPath)("from the packed tarball, in Chromium", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyre-bundles-"));
    await Promise.all([installTarball(), makeModel()]);
    await makeFiles({
      "app/index.html": html('<script type="module" src="./main.js"></script>'),
      "app/main.js": workerMain,
      "app/worker.js": 'import "gyre/web/worker";\n',
    });
    server = await serveFolder(folder);
    browser = await openBrowser();
  }, 5 * minutes);
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test("vite", { timeout: 3 * minutes }, async () => {
    await vite({
      root: at("app"),
      base: "./",
      logLevel: "error",
      worker: { format: "es" },
      build: { outDir: at("vite"), target: "es2022" },
    });
    const { page, complaints } = await openPage("vite/index.html");
    const expected = await nodeTokens();
    expect(await writeIn(page)).toEqual(expected);
    expect(await writeInWorker(page)).toEqual(expected);
    expect(complaints).toEqual([]);
  });

  test("a plain script with an import map", { timeout: 2 * minutes }, async () => {
    const modules = "/node_modules";
    const imports = {
      gyre: `${modules}/gyre/dist/index.js`,
      "gyre/web": `${modules}/gyre/dist/web.js`,
      zod: `${modules}/zod/index.js`,
      "@noble/hashes/": `${modules}/@noble/hashes/`,
      "onnxruntime-web/wasm": "/ort/ort.wasm.min.mjs",
    };
    const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
    await makeFiles({
      "plain.html": html(
        `${map}<script type="module">${main}\nObject.assign(globalThis, { write });</script>`,
      ),
    });
    const { page, complaints } = await openPage("plain.html");
    expect(await writeIn(page)).toEqual(await nodeTokens());
    expect(complaints).toEqual([]);
  });

  describe("esbuild", () => {
    beforeAll(async () => {
      await esbuild({
        entryPoints: [at("app", "main.js"), at("app", "worker.js")],
        bundle: true,
        splitting: true,
        format: "esm",
        target: "es2022",
        outdir: at("esbuild"),
        logLevel: "error",
      });
      await makeFiles({ "esbuild/index.html": html('<script type="module" src="./main.js"></script>') });
    });

    test("writes Node's text in the page and in the worker", { timeout: 2 * minutes }, async () => {
      const { page, complaints } = await openPage("esbuild/index.html");
      const expected = await nodeTokens();
      expect(await writeIn(page)).toEqual(expected);
      expect(await writeInWorker(page)).toEqual(expected);
      expect(complaints).toEqual([]);
    });

    test("the page stays free while the worker trains, an abort is quick, and disposing ends the worker", {
      timeout: 2 * minutes,
    }, async () => {
      const { page } = await openPage("esbuild/index.html");
      const seen = await page.evaluate(
        async ({ given, text }) => {
          const worker = (globalThis as unknown as Offered).open();
          await worker.create({
            spec: given,
            seed: 1,
            threads: 1,
            wasmPaths: new URL("/ort/", location.href).href,
          });
          let ticks = 0;
          const timer = setInterval(() => ticks++, 5);
          const controller = new AbortController();
          const { signal } = controller;
          let steps = 0;
          const going = worker.train(text, { steps: 1000, batch: 8, objective: { kind: "elastic" }, signal });
          try {
            for await (const _ of going) if (++steps === 40) controller.abort();
          } catch (error) {
            if (!signal.aborted) throw error;
          }
          clearInterval(timer);
          const files = await worker.files();
          await worker[Symbol.asyncDispose]();
          const after = await worker.files().catch(({ code }: { code: string }) => code);
          return { steps, ticks, paths: [...files.keys()], after };
        },
        { given: spec, text: "Every morning the river carried news of the hills. ".repeat(40) },
      );
      expect(seen.steps).toBe(40);
      expect(seen.ticks).toBeGreaterThan(3);
      expect(seen.paths).toContain("config.json");
      expect(seen.after).toBe("WORKER_DISPOSED");
      // the browser tells of a worker's end a moment later
      await expect.poll(() => page.workers()).toHaveLength(0);
    });

    test("the guide's files", { timeout: 2 * minutes }, async () => {
      const guide = await readFile(join(root, "docs/browser.md"), "utf8");
      const [worker = "", page = ""] = [...guide.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(
        ([, code]) => code,
      );
      await makeFiles({ "guide/worker.js": worker, "guide/main.js": page });
      await cp(at("hub"), at("models", "first"), { recursive: true });
      await esbuild({
        entryPoints: [at("guide", "main.js"), at("guide", "worker.js")],
        bundle: true,
        splitting: true,
        format: "esm",
        target: "es2022",
        outdir: at("guide-out"),
        logLevel: "error",
      });
      await makeFiles({
        "guide-out/index.html": html('<body><script type="module" src="./main.js"></script></body>'),
      });
      const tab = await browser.newPage();
      await tab.goto(`${server.url}guide-out/index.html`);
      await tab.waitForFunction("document.body.textContent.trim().length > 10");
    });

    test("without a network the model comes from Cache Storage", { timeout: minutes }, async () => {
      const context = await browser.newContext();
      const { page } = await openPage("esbuild/index.html", context);
      const fetchIt = () =>
        page.evaluate(async () => {
          const seen: boolean[] = [];
          const onProgress = ({ isCached }: { isCached: boolean }) => void seen.push(isCached);
          const { weights, warnings } = await (globalThis as unknown as Offered).fetchModel("/hub/", {
            onProgress,
          });
          return { count: weights.size, warnings, isCached: seen.every((one) => one) };
        });
      const first = await fetchIt();
      expect(first).toMatchObject({ warnings: [], isCached: false });
      await context.setOffline(true);
      expect(await fetchIt()).toEqual({ ...first, isCached: true });
      const missing = await page.evaluate(() =>
        (globalThis as unknown as Offered).fetchModel("/run/").catch(({ message }: Error) => message),
      );
      expect(missing).toMatch(/^FETCH_UNREACHABLE: http:\S+run\/config.json: no answer/);
      await context.close();
    });

    test("a connection that ends midway, a flipped bit and an abort are said as in Node", {
      timeout: minutes,
    }, async () => {
      const { page } = await openPage("esbuild/index.html");
      const problem = (abortAfterMs?: number) =>
        page.evaluate(async (abortMs) => {
          const signal = abortMs === undefined ? {} : { signal: AbortSignal.timeout(abortMs) };
          const failed = ({ message, name }: Error) => `${name}: ${message}`;
          const { fetchModel: fetchIt } = globalThis as unknown as Offered;
          return fetchIt("/hub/", { cache: false, ...signal }).then(() => "none", failed);
        }, abortAfterMs);
      server.faults.set("hub/model.safetensors", { cutAt: 1000 });
      expect(await problem()).toMatch(
        /^GyreError: FETCH_BROKEN: http:\S+hub\/model.safetensors: the connection/,
      );
      server.faults.set("hub/model.safetensors", { body: "another file" });
      expect(await problem()).toMatch(
        /^GyreError: FETCH_CHECKSUM: http:\S+hub\/model.safetensors: the checksum/,
      );
      server.faults.set("hub/model.safetensors", { hangAt: 100 });
      expect(await problem(300)).toMatch(/^TimeoutError/);
      server.faults.clear();
    });
  });
});

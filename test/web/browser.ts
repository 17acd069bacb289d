import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import type { PageTests } from "./page.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The Chromium of this machine; GYRE_CHROMIUM names another. */
export const chromiumPath = [process.env["GYRE_CHROMIUM"] ?? "", ...candidates].find(
  (path) => path !== "" && existsSync(path),
);

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
};

export interface Site {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves a bundle of the tests' page, or of another, beside onnxruntime-web's files; isolated pages may have threads. */
export async function serveSite({
  isIsolated,
  entry = join(root, "test/web/page.ts"),
}: {
  readonly isIsolated: boolean;
  readonly entry?: string;
}): Promise<Site> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["@gyre/source", "onnxruntime-web-use-extern-wasm"],
    logLevel: "error",
  });
  const bundle = outputFiles[0]?.contents ?? new Uint8Array();
  const html =
    '<!doctype html><meta charset="utf-8"><title>gyre</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
  const ort = join(root, "node_modules/onnxruntime-web/dist");
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const body = await (path === "/"
      ? html
      : path === "/page.js"
        ? bundle
        : readFile(join(ort, path.replace(/^\/ort\//, ""))).catch(() => undefined));
    const type = types[path === "/" ? "html" : (path.split(".").at(-1) ?? "")] ?? "application/octet-stream";
    const headers = isIsolated
      ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
      : {};
    response.writeHead(body === undefined ? 404 : 200, { "Content-Type": type, ...headers });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { url: `http://localhost:${port}/`, close };
}

/** Starts Chromium without a window; its WebGPU, where it shall have one, runs on SwiftShader, a software adapter. */
export function openBrowser({ hasWebGpu = true } = {}): Promise<Browser> {
  const webGpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
  return chromium.launch({
    executablePath: chromiumPath ?? "",
    args: [
      "--no-sandbox",
      ...(hasWebGpu ? webGpu : ["--disable-features=WebGPU,WebGPUService"]),
      // measureUserAgentSpecificMemory answers at once
      "--enable-blink-features=ForceEagerMeasureMemory",
    ],
  });
}

export interface TestPage {
  /** Does one of the page's tests, by name. */
  readonly run: <Name extends keyof PageTests>(
    name: Name,
    ...given: Parameters<PageTests[Name]>
  ) => Promise<Awaited<ReturnType<PageTests[Name]>>>;
  /** What the page wrote to its console as a warning or an error, and what it threw. */
  readonly complaints: readonly string[];
}

/** Opens the page, ready to run tests. */
export async function openPage(browser: Browser, { url }: Site): Promise<TestPage> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(url);
  await page.waitForFunction("globalThis.tests !== undefined");
  return {
    complaints,
    run: (name, ...given) =>
      page.evaluate(
        ([which, words]) => {
          const { tests } = globalThis as unknown as {
            tests: Record<string, (...all: unknown[]) => unknown>;
          };
          return tests[which as string]?.(...(words as unknown[]));
        },
        [name, given] as const,
      ) as never,
  };
}

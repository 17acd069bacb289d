import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { type Studio, serveStudio } from "../../packages/cli/src/studio-server.ts";
import { openBrowser } from "../web/browser.ts";

const vite = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));
const packageFolder = fileURLToPath(new URL("../../packages/studio/", import.meta.url));

/** The studio, built anew and served with `gyre studio`, and one browser for all tests. */
export interface OpenStudio extends AsyncDisposable {
  readonly url: string;
  /** Folder of the built site. */
  readonly site: string;
  readonly browser: Browser;
  /** A page of its own context, whose console must stay empty. */
  open(path: string, options?: BrowserContextOptions): Promise<StudioPage>;
}

export interface StudioPage extends AsyncDisposable {
  readonly page: Page;
  /** Fails for a serious violation, for what the console says, and for a page that scrolls sideways. */
  check(): Promise<void>;
}

export async function openStudio(runs: readonly string[]): Promise<OpenStudio> {
  const folder = await mkdtemp(join(tmpdir(), "gyre-studio-"));
  const site = join(folder, "site");
  // a process of its own: here, NODE_ENV is "test", and vite would build for development
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", site, "--emptyOutDir"], {
    cwd: packageFolder,
    env: { ...process.env, NODE_ENV: "production" },
  });
  const studio: Studio = await serveStudio({ site, runs, port: 0 });
  const browser = await openBrowser();
  return {
    url: studio.url,
    site,
    browser,
    open: (path, options) => openPage(browser, `${studio.url}#/${path}`, options),
    async [Symbol.asyncDispose]() {
      await browser.close();
      await studio[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** Opens an address in a context of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<StudioPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(url);
  await page.locator("h1").waitFor();
  return {
    page,
    async check() {
      expect(complaints).toEqual([]);
      expect(await seriousViolations(page)).toEqual([]);
      const isWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
      expect(isWide).toBe(false);
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

async function seriousViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const results = (await page.evaluate("axe.run()")) as axe.AxeResults;
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serveStudio } from "../../packages/cli/src/studio-server.ts";
import { serveFolder } from "../../packages/gyre/test/runs/static-server.ts";
import { type OpenStudio, openPage } from "./open-studio.ts";

/** The site without a network, and after a new build of it. */
export function offlineTests(studio: () => OpenStudio): void {
  test("once loaded it works without a network, and keeps models and WebAssembly once", async () => {
    await using server = await serveStudio({ site: studio().site, runs: [], port: 0 });
    await using opened = await openPage(studio().browser, `${server.url}#/shuffle`);
    const { page } = opened;
    await page.getByText(/it follows all|it loses track/).waitFor();
    await page.waitForFunction("navigator.serviceWorker.controller !== null");
    const kept = (await page.evaluate(`(async () => {
      const open = (await caches.keys()).map(async (name) => (await caches.open(name)).keys());
      return (await Promise.all(open)).flat().map(({ url }) => url.split("/").at(-1));
    })()`)) as string[];
    expect(kept.filter((name) => name === "ort-wasm-simd-threaded.wasm")).toHaveLength(1);
    expect(kept.filter((name) => name === "model.safetensors")).toHaveLength(1);
    await opened.check();

    await page.context().setOffline(true);
    await server[Symbol.asyncDispose]();
    await page.reload();
    await page.getByText(/it follows all|it loses track/).waitFor();
    await page.getByRole("link", { name: "In context" }).click();
    await page.getByRole("button", { name: "Point 1 at" }).first().waitFor();
  });

  test("a new build of the site is seen at once, although an older one is kept", async () => {
    await using server = await serveFolder(studio().site);
    await using opened = await openPage(studio().browser, `${server.url}index.html#/in-context`);
    const { page } = opened;
    await page.waitForFunction("navigator.serviceWorker.controller !== null");
    const html = await readFile(join(studio().site, "index.html"), "utf8");
    const script = await readFile(join(studio().site, "service-worker.js"), "utf8");
    const next = html.replace("<noscript>", '<meta name="build" content="next"><noscript>');
    server.faults.set("index.html", { body: next, headers: { "Content-Type": "text/html" } });
    const headers = { "Content-Type": "text/javascript" };
    server.faults.set("service-worker.js", {
      headers,
      body: script.replace('"version":"', '"version":"next'),
    });
    await page.reload();
    expect(await page.locator('meta[name="build"]').count()).toBe(1);
    // the older one's files go once no page of it is open
    await page.waitForFunction("navigator.serviceWorker.getRegistration().then((one) => one.waiting)");
    await page.goto("about:blank");
    await page.goto(`${server.url}index.html#/in-context`);
    await page.waitForFunction(
      "caches.keys().then((names) => names.length === 1 && names[0].includes(' next'))",
    );
  });
}

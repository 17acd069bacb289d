import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { serveFolder } from "../../packages/gyre/test/runs/static-server.ts";
import { type OpenStudio, openPage } from "./open-studio.ts";

/** What goes wrong is said in plain words, and nothing is lost; `folder` holds the run `first`. */
export function problemTests(studio: () => OpenStudio, folder: () => string): void {
  test("what cannot be trained on is said in plain words", async () => {
    await using opened = await studio().open("train");
    const { page } = opened;
    await page.getByRole("radio", { name: "A text of yours" }).check();
    const file = (name: string, buffer: Buffer) => ({ name, buffer, mimeType: "application/octet-stream" });
    await page.getByLabel("Open a text file").setInputFiles(file("old.txt", Buffer.from([0xe9, 0xff, 0x41])));
    await page.getByText("old.txt is no text in UTF-8").waitFor();
    await page.getByLabel("A packed run").setInputFiles(file("run.zip", Buffer.from("no zip")));
    await page.getByText("This file is no ZIP, or it is damaged.").waitFor();
    await opened.check();
  });

  test("a model that is not there, of an unknown family, or damaged, is said in plain words", async () => {
    await using server = await serveFolder(folder());
    const weights = "first/checkpoints/step-000000/model.safetensors";
    const bytes = await readFile(join(folder(), weights));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const headers = { "Access-Control-Allow-Origin": "*" };
    const files = await readdir(join(folder(), "first"), { recursive: true });
    for (const file of files) server.faults.set(`first/${file}`, { headers });
    await using opened = await studio().open("dial");
    const { page } = opened;
    await page.getByText("1 layer × 8 loops").waitFor();
    await page.locator("summary", { hasText: "Another model" }).press("Enter");
    const load = async (address: string) => {
      await page.getByLabel("The address of").fill(address);
      await page.getByRole("button", { name: "Load" }).click();
    };
    server.faults.set(weights, { headers, body: bytes });
    await load(`${server.url}first`);
    await page.getByText("its checksum is not the one that was promised").waitFor();
    server.faults.set(weights, { headers, cutAt: 100 });
    await load(`${server.url}first`);
    await page.getByText("The download broke off.").waitFor();
    const other = '{"model_type": "mamba", "n_embd": 8}';
    server.faults.set("other/config.json", { headers, status: 200, body: other });
    await load(`${server.url}other`);
    await page.getByText("of a family that gyre does not know").waitFor();
    server.faults.set("other/config.json", { headers, status: 200, body: '{"model_type": "loopformer"}' });
    await load(`${server.url}other`);
    await page.getByText("The model's config.json is not whole.").waitFor();
    const asked = server.asked.length;
    const large = JSON.stringify({
      ...JSON.parse(await readFile(join(studio().site, "models/shuffle/config.json"), "utf8")),
      ...{ n_embd: 4096, intermediate_dim: 16384, n_layer: 24, vocab_size: 50257 },
    });
    server.faults.set("large/config.json", { headers, status: 200, body: large });
    await load(`${server.url}large`);
    await page.getByText("This model is too large for a tab.").waitFor();
    expect(server.asked.slice(asked)).toEqual(["large/config.json"]);
    server.faults.delete(weights);
    server.faults.set(weights, { headers });
    await load(`${server.url}first`);
    await page.getByRole("button", { name: "Write", exact: true }).waitFor();
  });

  test("a browser without SIMD in its WebAssembly is told so", async () => {
    await using opened = await studio().open("runs");
    const { page } = opened;
    await page.addInitScript("WebAssembly.validate = () => false");
    await page.reload();
    await page.getByText("This browser's WebAssembly has no SIMD").waitFor();
    await opened.check();
  });

  test("a tab that runs out of memory says so, and still gives the run away", async () => {
    await using server = await serveFolder(studio().site);
    const worker = await readFile(join(studio().site, "worker.js"), "utf8");
    // a heap that never grows
    const small = `WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
      construct: (target, [given]) => new target({ ...given, maximum: given.initial }),
    });`;
    server.faults.set("worker.js", { body: small + worker, headers: { "Content-Type": "text/javascript" } });
    await using opened = await openPage(studio().browser, `${server.url}index.html#/train`);
    const { page } = opened;
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.getByText("The tab ran out of memory.").waitFor();
    await page.getByText("What the program says").click();
    await page.getByText("RUNTIME_MEMORY: no memory left for a graph of onnxruntime-web").waitFor();
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download the run" }).click();
    expect((await downloading).suggestedFilename()).toMatch(/\.zip$/);
    await opened.check();
  });

  test("storage that is full is said, and neither a model nor a run is lost by it", async () => {
    await using server = await serveFolder(studio().site);
    await using opened = await openPage(studio().browser, `${server.url}index.html#/train`);
    const { page } = opened;
    await fillStorage(page, server.url);
    await page.getByLabel("Width").fill("32");
    await page.getByLabel("Steps").fill("10");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.getByText("The browser's storage is full").waitFor();
    await page.getByText("after 10 steps").first().waitFor();
    await page.getByRole("link", { name: "Shuffle" }).click();
    await page.getByText("not kept for offline use").waitFor();
    await page.getByText(/it follows all|it loses track/).waitFor();
  });
}

async function fillStorage(page: Page, url: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(url).origin, quotaSize: 1 });
}

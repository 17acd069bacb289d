import { readFileSync } from "node:fs";
import { generate, initialWeights, loopformer } from "gyre";
import { openOnnxRuntime } from "gyre/node";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GoldenCurve } from "../../scripts/golden-case.ts";
import { chromiumPath, openBrowser, openPage, type Site, serveSite, type TestPage } from "./browser.ts";

const file = new URL("../../golden/tiny-looped.json", import.meta.url);
const golden = JSON.parse(readFileSync(file, "utf8")) as GoldenCurve;

/** What Node's native runtime writes. */
async function nodeText(loops: number, temperature: number): Promise<number[]> {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const spec = loopformer({ vocab: 64, context: 64, width: 32, heads: 4, mlp: 64, layers: 2, loops: 4 });
  const model = { spec, weights: initialWeights(spec, 3), runtime };
  const tokens: number[] = [];
  for await (const { token } of generate(model, [1, 2, 3], { loops, temperature, maxTokens: 50, seed: 5 }))
    tokens.push(token);
  return tokens;
}

describe.skipIf(!chromiumPath)("in Chromium", () => {
  let [isolated, plain]: [Site?, Site?] = [];
  let browser: Browser;
  let page: TestPage;
  beforeAll(async () => {
    [isolated, plain] = await Promise.all([
      serveSite({ isIsolated: true }),
      serveSite({ isIsolated: false }),
    ]);
    browser = await openBrowser();
    page = await openPage(browser, isolated);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([isolated?.close(), plain?.close()]);
  });

  describe.each([
    { provider: "wasm", threads: 2 },
    { provider: "webgpu", threads: 2 },
  ] as const)("$provider", (asked) => {
    const host = asked.provider === "wasm" ? "wasm, 2 threads" : "webgpu";

    test("opens", async () => {
      const { name, provider, reason, isIsolated } = await page.run("open", asked);
      expect({ provider, reason, isIsolated }).toEqual({
        provider: asked.provider,
        reason: undefined,
        isIsolated: true,
      });
      expect(name).toBe(`onnxruntime-web 1.30.0 (${host})`);
    });

    test("every operation is right, sine and cosine on a software GPU by the host's help", async () => {
      expect(await page.run("operations", { ...asked, tolerance: 2e-5 })).toEqual([]);
    });

    // a GPU in software takes a minute
    test("ten golden training steps", { timeout: 300_000 }, async () => {
      const curve = await page.run("golden", asked);
      for (const [index, step] of golden.steps.entries())
        expect(Math.abs((curve.steps[index]?.loss ?? Number.NaN) - step.loss)).toBeLessThan(1e-5);
      for (const [loops, loss] of Object.entries(golden.lossAfter))
        expect(Math.abs((curve.lossAfter[loops] ?? Number.NaN) - loss)).toBeLessThan(1e-5);
    });

    test.each([
      [1, 0],
      [4, 0],
      [4, 1],
    ])("text at %i loops and temperature %i is that of Node", async (loops, temperature) => {
      expect(await page.run("text", { ...asked, loops, temperature })).toEqual(
        await nodeText(loops, temperature),
      );
    });
  });

  test("what the software GPU has wrong is listed", async () => {
    const { hosted } = await page.run("open", { provider: "webgpu", threads: 2 });
    expect(hosted.sort()).toEqual(["cos", "sin"]);
  });

  test("memory comes back after 200 cycles of opening and disposing", async () => {
    expect(await page.run("cycles", { provider: "wasm", threads: 2, cycles: 200 })).toBe(0);
  });

  test("the console stays empty", () => {
    expect(page.complaints).toEqual([]);
  });

  test("a page that is not isolated has one thread, and says so", async () => {
    const alone = await openPage(browser, plain as Site);
    const { name, isIsolated } = await alone.run("open", { provider: "wasm", threads: 1 });
    expect([name, isIsolated]).toEqual(["onnxruntime-web 1.30.0 (wasm, 1 thread)", false]);
    await expect(alone.run("open", { provider: "wasm", threads: 2 })).rejects.toThrow(
      /RUNTIME_THREADS: 2 threads\s+expected: 1: more need a cross-origin isolated page/,
    );
  });
});

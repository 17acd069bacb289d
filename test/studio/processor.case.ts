import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { openBrowser } from "../web/browser.ts";
import { type OpenStudio, openPage } from "./open-studio.ts";

/** A software adapter takes its time over the test of every operation. */
const minutes = 60_000;
const passed = (page: Page) =>
  page.getByText("The GPU passed its test and computes.").waitFor({ timeout: 6 * minutes });

/** The choice between CPU and GPU: Chromium's software adapter is a GPU to the page. */
export function processorTests(studio: () => OpenStudio): void {
  test(
    "a GPU that passes its test writes",
    async () => {
      await using opened = await studio().open("dial");
      const { page } = opened;
      const footer = page.getByRole("contentinfo");
      await footer.getByText("(wasm, 1 thread)").waitFor();
      await page.getByRole("radio", { name: "GPU" }).press("Space");
      await passed(page);
      await footer.getByText("(webgpu)").waitFor();
      await page.getByLabel("Tokens:").fill("10");
      await page.getByRole("button", { name: "Write", exact: true }).press("Enter");
      await page
        .locator(".text button")
        .nth(9)
        .waitFor({ timeout: 4 * minutes });
      await opened.check();
    },
    11 * minutes,
  );

  test("the choice stays, on the other page and after a reload", async () => {
    await using opened = await studio().open("train");
    const { page } = opened;
    const choice = page.getByRole("radio", { name: "GPU" });
    await choice.check();
    await page.reload();
    expect(await choice.isChecked()).toBe(true);
    await page.goto(`${studio().url}#/dial`);
    expect(await choice.isChecked()).toBe(true);
    await opened.check();
  });

  test("without WebGPU the CPU computes, and the page says why", async () => {
    const browser = await openBrowser({ hasWebGpu: false });
    try {
      await using opened = await openPage(browser, `${studio().url}#/dial`);
      const { page } = opened;
      await page.getByRole("radio", { name: "GPU" }).check();
      await page
        .getByText("The GPU is not used: WebGPU found no adapter on this machine. The CPU computes instead.")
        .waitFor();
      await page.getByRole("button", { name: "Write", exact: true }).click();
      await page.locator(".text button").first().waitFor();
      await opened.check();
    } finally {
      await browser.close();
    }
  });
}

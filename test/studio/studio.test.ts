import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveFolder } from "../../packages/gyre/test/runs/static-server.ts";
import { unpackRun } from "../../packages/studio/src/train/archive.ts";
import { chromiumPath } from "../web/browser.ts";
import { type OpenStudio, openPage, openStudio } from "./open-studio.ts";

// Each page, by mouse and by keyboard, in one Chromium on one built site.

describe.skipIf(!chromiumPath)("the studio, in Chromium", () => {
  let studio: OpenStudio;
  beforeAll(async () => {
    studio = await openStudio([]);
  }, 120_000);
  afterAll(() => studio?.[Symbol.asyncDispose]());

  test("its JavaScript weighs at most 200 kB, gzipped", async () => {
    const files = await readdir(studio.site, { recursive: true });
    const scripts = files.filter((file) => file.endsWith(".js"));
    const texts = await Promise.all(scripts.map((file) => readFile(join(studio.site, file))));
    expect(texts.reduce((sum, text) => sum + gzipSync(text).length, 0)).toBeLessThan(200_000);
  });

  test("colours turn and stay, by keyboard, and the way past the navigation works", async () => {
    await using opened = await studio.open("train", { colorScheme: "light" });
    const { page } = opened;
    const isDark = () => page.evaluate("getComputedStyle(document.documentElement).colorScheme");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("MAIN");
    await page.getByRole("button", { name: "Use dark colours" }).press("Enter");
    expect(await isDark()).toBe("dark");
    await page.reload();
    await page.locator("h1").waitFor();
    expect(await isDark()).toBe("dark");
    await opened.check();
  });

  test("a text is trained on at 375 px, paused, sampled, downloaded, left and gone on with", async () => {
    await using opened = await studio.open("train", {
      viewport: { width: 375, height: 700 },
      colorScheme: "dark",
    });
    const { page } = opened;
    await page.getByRole("radio", { name: "A text of yours" }).press("Space");
    const train = page.getByRole("button", { name: "Train", exact: true });
    expect(await train.isDisabled()).toBe(true);
    await page
      .getByLabel("Text, at least")
      .fill("Every morning the river carried news of the hills. ".repeat(60));
    await page.getByLabel("Width").fill("32");
    await page.getByLabel("Loops").fill("2");
    await page.getByLabel("Steps").fill("2000");
    await opened.check();
    await train.press("Enter");
    await page.getByText("2000 steps").waitFor();
    await page.locator(".state b", { hasText: /^[3-9]$|^\d\d+$/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Kept in this browser as of step").waitFor();
    await page.getByRole("button", { name: "Write" }).click();
    await page.waitForFunction("document.querySelector('.written').textContent.length > 20");
    await page.getByRole("button", { name: "Stop writing" }).click();
    await page.getByText("The numbers as a table").first().click();
    await opened.check();

    const step = Number(await page.locator(".state b").textContent());
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download the run" }).click();
    const files = unpackRun(await readFile(await (await downloading).path()));
    expect(JSON.parse(new TextDecoder().decode(files.get("config.json")))).toMatchObject({
      kind: "text",
      training: { steps: 2000 },
      data: { path: "data" },
    });
    expect(new TextDecoder().decode(files.get("metrics.jsonl")).trim().split("\n")).toHaveLength(step);

    await page.reload();
    await page.getByText(`after ${step} of 2000 steps`).waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.locator(".state b", { hasNotText: new RegExp(`^${step}$`) }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    expect(Number(await page.locator(".state b").textContent())).toBeGreaterThan(step);
  });

  test("a task is learned, and asked at every depth", async () => {
    await using opened = await studio.open("train");
    const { page } = opened;
    await page.getByLabel("Width").fill("32");
    await page.getByLabel("Loops").fill("2");
    await page.getByLabel("Steps").fill("10");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.getByText("after 10 steps").first().waitFor();
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await page.getByText("Asked after step 10.").waitFor();
    await opened.check();
  });

  test("what cannot be trained on is said in plain words", async () => {
    await using opened = await studio.open("train");
    const { page } = opened;
    await page.getByRole("radio", { name: "A text of yours" }).check();
    const file = (name: string, buffer: Buffer) => ({ name, buffer, mimeType: "application/octet-stream" });
    await page.getByLabel("Open a text file").setInputFiles(file("old.txt", Buffer.from([0xe9, 0xff, 0x41])));
    await page.getByText("old.txt is no text in UTF-8").waitFor();
    await page.getByLabel("A packed run").setInputFiles(file("run.zip", Buffer.from("no zip")));
    await page.getByText("This file is no ZIP, or it is damaged.").waitFor();
    await opened.check();
  });

  test("below another path, from a server without headers, it has one thread and says so", async () => {
    await using server = await serveFolder(join(studio.site, ".."));
    await using opened = await openPage(studio.browser, `${server.url}site/index.html#/train`);
    await opened.page.getByText("this page is not cross-origin isolated").waitFor();
    await opened.check();
  });
});

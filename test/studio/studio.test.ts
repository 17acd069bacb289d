import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesTokenizer, initialWeights, loopformer, startFrom } from "gyre";
import { createRun } from "gyre/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveFolder } from "../../packages/gyre/test/runs/static-server.ts";
import { unpackRun } from "../../packages/studio/src/train/archive.ts";
import { scriptWeights } from "../../packages/studio/weight.ts";
import { chromiumPath } from "../web/browser.ts";
import { offlineTests } from "./offline.case.ts";
import { type OpenStudio, openPage, openStudio } from "./open-studio.ts";
import { problemTests } from "./problems.case.ts";
import { processorTests } from "./processor.case.ts";
import { travelTests } from "./travel.case.ts";

// Each page, by mouse and by keyboard, in one Chromium on one built site.

const spec = loopformer({ vocab: 257, context: 64, width: 32, heads: 2, mlp: 32, layers: 1, loops: 3 });

/** Weights as they are drawn: the dial turns the real model, whatever it writes. */
async function makeRun(path: string): Promise<void> {
  await using run = await createRun(path, { kind: "imported", spec, tokenizer: bytesTokenizer() });
  await run.save(startFrom(initialWeights(spec, 3)));
  await mkdir(join(path, "reports"));
  await cp(shuffleReport, join(path, "reports", "answers.json"));
}
const shuffleReport = new URL("../../models/shuffle/report.json", import.meta.url);

describe.skipIf(!chromiumPath)("the studio, in Chromium", () => {
  let folder = "";
  let studio: OpenStudio;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyre-studio-runs-"));
    await makeRun(join(folder, "first"));
    studio = await openStudio([folder]);
  }, 120_000);
  afterAll(async () => {
    await studio?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("its JavaScript weighs at most 200 kB, gzipped, and a GPU's script comes where one is chosen", async () => {
    const { pages, gpu } = await scriptWeights(studio.site);
    expect(pages).toBeLessThan(200_000);
    expect(gpu).toBeGreaterThan(0);
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
    // by then it knows that a text does not end within a few letters
    await page.locator(".state b", { hasText: /^[3-9]\d$|^\d{3,}$/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Kept in this browser as of step").waitFor();
    await page.getByRole("button", { name: "Write" }).click();
    await page.waitForFunction("document.querySelector('.written').textContent.length > 'The '.length");
    await page.getByRole("button", { name: "Write", exact: true }).waitFor();
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

  test("a training that is left for another page is paused, and kept as far as it came", async () => {
    await using opened = await studio.open("train");
    const { page } = opened;
    await page.getByLabel("Width").fill("32");
    await page.getByLabel("Loops").fill("2");
    await page.getByLabel("Steps").fill("2000");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    // before the first look at every depth after step 50 nothing has been kept
    await page.locator(".state b", { hasText: /^[1-4]\d$/ }).waitFor();
    await page.getByRole("link", { name: "In context" }).click();
    await page.getByRole("heading", { name: "Learn in context" }).waitFor();
    await page.waitForFunction(
      `new Promise((resolve) => {
        const request = indexedDB.open("gyre-studio", 1);
        request.onupgradeneeded = () => request.result.createObjectStore("runs");
        request.onsuccess = () => {
          const own = request.result.transaction("runs").objectStore("runs").get("train");
          own.onsuccess = () => { request.result.close(); resolve(own.result !== undefined); };
        };
      })`,
    );
    await page.getByRole("link", { name: "Train" }).click();
    await page.getByText("Go on where you were?").waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.locator(".state b", { hasText: /^\d{2,}$/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await opened.check();
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

  test("cups are followed, by the reader and by the model", async () => {
    await using opened = await studio.open("shuffle");
    const { page } = opened;
    await page.getByLabel("Swaps").fill("2");
    await page.getByText(/it follows all 2 swaps|it loses track/).waitFor();
    await page.getByRole("button", { name: "Shuffle", exact: true }).press("Enter");
    await page.getByRole("button", { name: "Here: cup 2" }).press("Enter");
    await page.getByText(/You are right|Not there/).waitFor();
    expect(await page.getByText(/with 4 loops the model (knows it|looks under)/).count()).toBe(1);
    const map = page.getByRole("region", { name: "How sure the model is" });
    expect(await map.locator("tbody tr").count()).toBe(12);
    // two swaps are what one loop has learned, and eight have
    expect(await map.locator("tbody tr").nth(7).locator("td").allTextContents()).toEqual(["100", "100"]);
    await page.getByText("unseen sequences").waitFor();
    await page.getByLabel("The model's loops").press("Home");
    await page.getByText(/With 1 loop it/).waitFor();
    await page.setViewportSize({ width: 375, height: 700 });
    await opened.check();
  });

  test("a run is listed, and writes at two depths, token by token under the lens", async () => {
    await using opened = await studio.open("runs", { colorScheme: "dark" });
    const { page } = opened;
    await page.getByText("Right answers at every depth").waitFor();
    await page.setViewportSize({ width: 375, height: 700 });
    await opened.check();
    await page.getByRole("link", { name: "Dial first" }).press("Enter");
    await page.getByLabel("Tokens:").fill("10");
    const one = page.getByRole("group", { name: "One depth", exact: true });
    await one.getByLabel("How depth is chosen").selectOption("trajectory");
    await one.getByLabel("Loops:").fill("2");
    await one.getByLabel("Step 1").fill("0.8");
    await one.getByText("Step 2: 0.20").waitFor();
    const other = page.getByRole("group", { name: "Another", exact: true });
    await other.getByLabel("How depth is chosen").selectOption("exit");
    await page.getByRole("button", { name: "Write", exact: true }).press("Enter");
    await page.getByRole("region", { name: "Another: the lens" }).waitFor();
    expect(await page.getByText("10 tokens").count()).toBe(2);
    const tokens = page.getByRole("toolbar", { name: "One depth: written" });
    await tokens.getByRole("button").first().focus();
    await page.keyboard.press("ArrowRight");
    expect(await tokens.getByRole("button").nth(1).getAttribute("tabindex")).toBe("0");
    expect(await page.getByRole("region", { name: "One depth: the lens" }).locator("tbody tr").count()).toBe(
      2,
    );
    await opened.check();
  });

  test("the model of the site is there at once, and writes at one loop and at all", async () => {
    await using opened = await studio.open("dial", { viewport: { width: 375, height: 700 } });
    const { page } = opened;
    await page.getByText("1 layer × 8 loops").waitFor();
    await page.getByLabel("Tokens:").fill("10");
    await page.getByRole("button", { name: "Write", exact: true }).press("Enter");
    await page.getByRole("region", { name: "Another: the lens" }).waitFor();
    const rows = (name: string) =>
      page.getByRole("region", { name: `${name}: the lens` }).locator("tbody tr");
    expect(await rows("One depth").count()).toBe(1);
    expect(await rows("Another").count()).toBe(8);
    await opened.check();
  });

  test("points are moved by keyboard and by mouse, and the lines follow", async () => {
    await using opened = await studio.open("in-context", { viewport: { width: 375, height: 700 } });
    const { page } = opened;
    // the second figure has the same points
    const point = (name: string) => page.getByRole("button", { name }).first();
    const table = page.getByRole("region", { name: "Lines of all methods" });
    const before = await table.textContent();
    await point("Point 1 at -0.3, -0.1").press("ArrowUp");
    await point("Point 1 at -0.3, -0.05").waitFor();
    await page.getByLabel("Loops:").press("End");
    await page.getByText("After 24 loops").waitFor();
    const rows = await table.locator("tbody tr").allTextContents();
    expect(rows.join()).not.toBe(before);
    const numbers = rows.map((row) => row.replace(/^[^\d-]+/, ""));
    expect(numbers[0]).toBe(numbers[1]);
    await point("Point 5").scrollIntoViewIfNeeded();
    const box = await point("Point 5").boundingBox();
    await page.mouse.move((box?.x ?? 0) + 5, (box?.y ?? 0) + 5);
    await page.mouse.down();
    await page.mouse.move((box?.x ?? 0) - 40, (box?.y ?? 0) + 30);
    await page.mouse.up();
    expect(await page.getByRole("button", { name: "Point 5 at 0.75, 0.75" }).count()).toBe(0);
    await page.getByLabel("Condition number").press("Home");
    const trained = page.getByRole("region", { name: "Answers of the trained models" });
    await trained
      .locator("tr", { hasText: "AlgoFormer" })
      .locator("td", { hasText: /^-?\d/ })
      .first()
      .waitFor();
    const answers = () => trained.locator("tbody tr").allTextContents();
    const early = await answers();
    await page.getByLabel("Loops of the trained models").press("End");
    await page.getByText("Loops of the trained models: 16").waitFor();
    const late = await answers();
    expect(late).toHaveLength(4);
    expect(late.every((one, at) => /\d/.test(one) && one !== early[at])).toBe(true);
    await opened.check();
  });

  test("below another path, from a server without headers, it has one thread and says so", async () => {
    await using server = await serveFolder(join(studio.site, ".."));
    await using opened = await openPage(studio.browser, `${server.url}site/index.html#/train`);
    await opened.page.getByText("this page is not cross-origin isolated").waitFor();
    await opened.check();
  });

  processorTests(() => studio);
  offlineTests(() => studio);
  problemTests(
    () => studio,
    () => folder,
  );
  travelTests(() => studio);
});

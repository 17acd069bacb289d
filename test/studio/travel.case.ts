import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { gyre } from "../../packages/cli/test/cli.ts";
import { tinyData } from "../../packages/cli/test/tiny.ts";
import { unpackRun } from "../../packages/studio/src/train/archive.ts";
import type { OpenStudio } from "./open-studio.ts";

/** Runs that go from Node to the page and back, and memory that comes back. */
export function travelTests(studio: () => OpenStudio): void {
  test("a run of gyre train is opened in the page, goes on there, and then in Node again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gyre-travel-"));
    try {
      const run = join(folder, "run");
      const size = "--layers 1 --loops 2 --width 16 --heads 2 --mlp 32 --context 16 --batch 2 --threads 1";
      const data = await tinyData(join(folder, "data"));
      const words = ["train", data, "--out", run, "--steps", "2000", ...size.split(" ")];
      const stopped = await gyre(words, { interruptAt: (_, stderr) => stderr.includes("step 1/2000  loss") });
      expect(stopped.stderr).toContain("stopped and saved at step");
      const step = Number(/saved at step (\d+)/.exec(stopped.stderr)?.[1]);

      await using opened = await studio().open("train");
      const { page } = opened;
      await page.getByLabel("A run's folder").setInputFiles(run);
      const text = page.getByLabel("The folder of its text");
      await text.setInputFiles(await tinyData(join(folder, "other"), "folk"));
      await page.getByText("This is not the text that the run was trained on.").waitFor();
      await page.getByLabel("A run's folder").setInputFiles(run);
      await text.setInputFiles(data);
      await page.getByText(`${step} of 2000 steps`).waitFor();
      const untouched = await downloaded(page);
      const checkpoint = `checkpoints/step-${String(step).padStart(6, "0")}`;
      for (const file of ["model.safetensors", "optimizer.safetensors"]) {
        const own = await readFile(join(run, checkpoint, file));
        expect(Buffer.compare(own, untouched.get(`${checkpoint}/${file}`) ?? Buffer.of()), file).toBe(0);
      }
      await page.getByRole("button", { name: "Go on" }).click();
      await page.locator(".state b", { hasNotText: new RegExp(`^${step}$`) }).waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByText("Kept in this browser as of step").waitFor();
      const further = Number(await page.locator(".state b").textContent());
      expect(further).toBeGreaterThan(step);
      await opened.check();

      const back = join(folder, "back");
      for (const [path, bytes] of await downloaded(page)) {
        await mkdir(dirname(join(back, path)), { recursive: true });
        await writeFile(join(back, path), bytes);
      }
      const resumed = await gyre(["train", "--resume", back, "--data", data, "--threads", "1"], {
        interruptAt: (_, stderr) => /step \d+: held out/.test(stderr),
      });
      expect(resumed.stderr).toContain("stopped and saved at step");
      expect(Number(/saved at step (\d+)/.exec(resumed.stderr)?.[1])).toBeGreaterThan(further);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("the memory of a model comes back when its page is left", async () => {
    await using opened = await studio().open("runs");
    const { page } = opened;
    const before = await memoryBytes(page);
    await page.getByRole("link", { name: "Shuffle" }).click();
    await page.getByText(/it follows all|it loses track/).waitFor();
    const during = await memoryBytes(page);
    await page.getByRole("link", { name: "Runs" }).click();
    await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
    const after = await memoryBytes(page);
    // WebAssembly's heap alone begins with 16 MiB
    expect(during - before).toBeGreaterThan(16 * 2 ** 20);
    expect(after - before).toBeLessThan(4 * 2 ** 20);
  });
}

async function downloaded(page: Page): Promise<ReadonlyMap<string, Uint8Array>> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download the run" }).click();
  return unpackRun(await readFile(await (await downloading).path()));
}

/** What the page and its workers hold, after a collection of garbage. */
const memoryBytes = (page: Page) =>
  page.evaluate("performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes)") as Promise<number>;

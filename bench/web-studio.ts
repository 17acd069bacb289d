import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { serveStudio } from "../packages/cli/src/studio-server.ts";
import { median } from "../packages/gyre/src/util/statistics.ts";
import { scriptWeights } from "../packages/studio/weight.ts";
import { repositoryRoot, round } from "./harness.ts";

/** What the studio weighs, and how soon it answers. */
export interface StudioResult {
  /** Of all its pages, without onnxruntime's WebAssembly. */
  readonly scriptGzipKb: number;
  readonly wasmGzipKb: number;
  /** What a page loads beside it where its reader chooses the GPU: onnxruntime's script and WebAssembly. */
  readonly gpuScriptGzipKb: number;
  readonly gpuWasmGzipKb: number;
  /** From opening the page Dial to its first token, with nothing kept; and again in the same browser. Medians over the rounds. */
  readonly coldFirstTextMs: number;
  readonly warmFirstTextMs: number;
  /** The longest gap between two frames while a model trains. */
  readonly worstFrameMs: number;
  /** From asking for a pause of training until the page says so; and until its worker has given the run away. */
  readonly abortSeenMs: number;
  readonly abortObeyedMs: number;
}

const TRAINING_MS = 6000;

/** Builds the studio, serves it as `gyre studio` does, and measures it in a browser. */
export async function measureStudio(browser: Browser, rounds: number): Promise<StudioResult> {
  const folder = await mkdtemp(join(tmpdir(), "gyre-bench-studio-"));
  const site = join(folder, "site");
  const vite = join(repositoryRoot, "node_modules/vite/bin/vite.js");
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", site, "--emptyOutDir"], {
    cwd: join(repositoryRoot, "packages/studio"),
    env: { ...process.env, NODE_ENV: "production" },
  });
  const studio = await serveStudio({ site, runs: [], port: 0 });
  try {
    const [cold, warm]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const context = await browser.newContext();
      cold.push(await firstTextMs(context, studio.url));
      warm.push(await firstTextMs(context, studio.url));
      await context.close();
    }
    const context = await browser.newContext();
    const training = await whileTraining(await context.newPage(), studio.url);
    await context.close();
    return {
      ...(await weights(site)),
      coldFirstTextMs: median(cold),
      warmFirstTextMs: median(warm),
      ...training,
    };
  } finally {
    await studio[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }
}

async function weights(
  site: string,
): Promise<Pick<StudioResult, "scriptGzipKb" | "wasmGzipKb" | "gpuScriptGzipKb" | "gpuWasmGzipKb">> {
  const { pages, gpu } = await scriptWeights(site);
  const wasm = (await readdir(site, { recursive: true })).filter((file) => file.endsWith(".wasm"));
  const kb = async (isOfGpu: boolean) => {
    const own = wasm.filter((file) => file.includes("asyncify") === isOfGpu);
    const sizes = own.map(async (file) => gzipSync(await readFile(join(site, file))).length);
    return round((await Promise.all(sizes)).reduce((sum, one) => sum + one, 0) / 1000);
  };
  return {
    scriptGzipKb: round(pages / 1000),
    wasmGzipKb: await kb(false),
    gpuScriptGzipKb: round(gpu / 1000),
    gpuWasmGzipKb: await kb(true),
  };
}

/** Presses Write as soon as the page offers it. */
async function firstTextMs(context: BrowserContext, url: string): Promise<number> {
  const page = await context.newPage();
  const started = performance.now();
  await page.goto(`${url}#/dial`);
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.locator(".text button").first().waitFor();
  const elapsedMs = round(performance.now() - started);
  await page.close();
  return elapsedMs;
}

async function whileTraining(
  page: Page,
  url: string,
): Promise<Pick<StudioResult, "worstFrameMs" | "abortSeenMs" | "abortObeyedMs">> {
  await page.goto(`${url}#/train`);
  await page.getByLabel("Steps").fill("20000");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.locator(".state b", { hasText: /^[1-9]/ }).waitFor();
  const worst = await page.evaluate(`new Promise((resolve) => {
    let [worst, last, began] = [0, performance.now(), performance.now()];
    const frame = (now) => {
      worst = Math.max(worst, now - last);
      last = now;
      now - began < ${TRAINING_MS} ? requestAnimationFrame(frame) : resolve(worst);
    };
    requestAnimationFrame(frame);
  })`);
  const abort = (await page.evaluate(`new Promise((resolve) => {
    const named = (name) => [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === name);
    const kept = () => document.querySelector("main").textContent.match(/as of step (\\d+)/)?.[1];
    const [before, began] = [kept(), performance.now()];
    let seen;
    named("Pause").click();
    const look = () => {
      if (named("Go on")) seen ??= performance.now() - began;
      if (seen !== undefined && kept() !== before) resolve({ seen, obeyed: performance.now() - began });
      else setTimeout(look, 1);
    };
    look();
  })`)) as { seen: number; obeyed: number };
  return {
    worstFrameMs: round(worst as number),
    abortSeenMs: round(abort.seen),
    abortObeyedMs: round(abort.obeyed),
  };
}

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { generate } from "../../src/decode/generate.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { loopformer } from "../../src/models/presets.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";

/** Folders in which Chromium keeps its Vulkan in software. */
const folders = [
  dirname(process.env["GYRE_CHROMIUM"] ?? "/"),
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
];
const driver = folders
  .map((folder) => join(folder, "vk_swiftshader_icd.json"))
  .find((path) => existsSync(path));

/** The environment of a process that is to see Chromium's GPU in software, where this machine has it. */
export const softwareGpu = driver
  ? // the loader of Vulkan is beside the driver, where the system has none of its own
    { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: dirname(driver) }
  : undefined;

/** Text of random weights, as token ids. */
export async function textOf(runtime: Runtime): Promise<number[]> {
  const spec = loopformer({ vocab: 64, context: 64, width: 32, heads: 4, mlp: 64, layers: 2, loops: 4 });
  const model = { spec, weights: initialWeights(spec, 3), runtime };
  const tokens: number[] = [];
  for await (const { token } of generate(model, [1, 2, 3], {
    loops: 4,
    temperature: 1,
    maxTokens: 20,
    seed: 5,
  }))
    tokens.push(token);
  return tokens;
}

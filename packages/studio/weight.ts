import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** onnxruntime's script for WebGPU, which a page loads where its reader chooses the GPU. */
export const gpuScript = /\bort\.webgpu\.[\w.-]+\.js$/;

/** Bytes of a built studio's JavaScript, gzipped: what all pages load, and what a GPU needs beside it. */
export async function scriptWeights(site: string): Promise<{ readonly pages: number; readonly gpu: number }> {
  const scripts = (await readdir(site, { recursive: true })).filter((file) => file.endsWith(".js"));
  const weights = { pages: 0, gpu: 0 };
  for (const file of scripts) {
    const { length } = gzipSync(await readFile(join(site, file)));
    weights[gpuScript.test(file) ? "gpu" : "pages"] += length;
  }
  return weights;
}

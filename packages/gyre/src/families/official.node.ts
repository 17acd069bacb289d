import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cannotWrite, torchFile } from "../checkpoint/errors.ts";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import { readSafetensorsFile, writeSafetensorsFile } from "../checkpoint/safetensors.node.ts";
import { sumsFile } from "./checksums.ts";
import { officialExists, officialFolder, shardedWeights } from "./errors.ts";
import type { OfficialFiles } from "./official.ts";

const configFile = "config.json";
const modelFile = "model.safetensors";
const torchPattern = /\.(pt|pth|ckpt|bin)$/;

/**
 * Reads config.json and model.safetensors of a folder. Throws OFFICIAL_FOLDER when one is missing, CHECKPOINT_TORCH
 * or CHECKPOINT_SHARDED when the weights are there in another form, CHECKPOINT_READ or SAFETENSORS_*.
 */
export async function readOfficialFolder(folder: string): Promise<OfficialFiles> {
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) throw officialFolder(folder, "no folder that can be read");
  if (!names.includes(modelFile)) {
    if (names.includes(`${modelFile}.index.json`))
      throw shardedWeights(join(folder, `${modelFile}.index.json`));
    const torch = names.find((name) => torchPattern.test(name));
    if (torch !== undefined) throw torchFile(join(folder, torch));
  }
  const missing = [configFile, modelFile].filter((name) => !names.includes(name));
  if (missing.length > 0) throw officialFolder(folder, `no ${missing.join(" and no ")}`);
  const config = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    await readBytes(join(folder, configFile)),
  );
  return { config, model: await readSafetensorsFile(join(folder, modelFile)) };
}

/**
 * Writes config.json and model.safetensors. Throws OFFICIAL_EXISTS where they would replace others; with `force`, the
 * checksums of those are deleted.
 */
export async function writeOfficialFolder(
  folder: string,
  { config, model }: OfficialFiles,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw cannotWrite(folder, cause);
  });
  for (const name of options.force ? [] : [configFile, modelFile, sumsFile]) {
    const there = await stat(join(folder, name)).catch(() => undefined);
    if (there) throw officialExists(join(folder, name));
  }
  await rm(join(folder, sumsFile), { force: true });
  await writeSafetensorsFile(join(folder, modelFile), model);
  await writeFileAtomic(join(folder, configFile), config);
}

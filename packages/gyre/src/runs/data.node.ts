import { readFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { contentChecksum, type DatasetManifest } from "../data/manifest.ts";
import { type Dataset, openDataset } from "../data/shards.node.ts";
import { sha256Of } from "../util/checksum.node.ts";
import type { DataReference, LanguageConfig, NamedData, Run, TextConfig } from "./config.ts";
import { dataChanged, dataMissing } from "./errors.ts";
import { realPathOf } from "./place.node.ts";

/** Where a run is and which data it knows. */
export type RunOnData<Config extends LanguageConfig = LanguageConfig> = Pick<Run<Config>, "path" | "config">;

/** Where a dataset is, seen from a run whose real path is `run`, and which one it is. */
export const dataReference = (
  run: string,
  { path, manifest }: { readonly path: string; readonly manifest: DatasetManifest },
): Promise<NamedData> => referenceFrom(run, { path, sha256: contentChecksum(manifest) });

/** A folder with the checksum of what is in it, as it is seen from a run whose real path is `run`. */
export async function referenceFrom(run: string, { path, sha256 }: NamedData): Promise<NamedData> {
  const from = relative(run, await realPathOf(path)); // stays absolute on another drive
  return { path: from.split(sep).join("/"), sha256 };
}

/**
 * Opens a dataset to measure a run with: the one it was trained on, or the one at `path`, which needs the same tokenizer
 * alone. Throws RUN_DATA, and what `openDataset` throws.
 */
export async function openRunData(run: RunOnData, path?: string): Promise<Dataset> {
  const from = path ?? (await pathOf(run));
  const dataset = await openDataset(from);
  requireTokenizer(run, from, dataset.manifest);
  if (path === undefined) await requireSame(run, from, dataset.manifest);
  return dataset;
}

/**
 * Opens the dataset that a run is trained on, wherever it is by now: at `path`, if that is given. Its tokens and its
 * tokenizer decide whether it is that one. Returns also how the run should refer to it. Throws RUN_DATA, and what
 * `openDataset` throws.
 */
export async function openTrainingData(
  run: RunOnData<TextConfig>,
  path?: string,
): Promise<{ readonly dataset: Dataset; readonly reference: DataReference }> {
  const from = path ?? (await pathOf(run));
  const dataset = await openDataset(from);
  const { manifest } = dataset;
  requireTokenizer(run, from, manifest);
  await requireSame(run, from, manifest);
  return { dataset, reference: await dataReference(await realPathOf(run.path), { path: from, manifest }) };
}

/** The folder of a run's dataset. Throws RUN_DATA where there is none. */
async function pathOf({ path, config }: RunOnData): Promise<string> {
  const { data } = config;
  if (!data) throw dataMissing(path, "it was trained on no dataset that it knows");
  const folder = resolve(await realPathOf(path), data.path);
  const isThere = await readFile(join(folder, "manifest.json")).then(
    () => true,
    () => false,
  );
  if (!isThere) throw dataMissing(path, `no dataset at ${folder}, where its own was`);
  return folder;
}

function requireTokenizer({ path, config }: RunOnData, from: string, { tokenizer }: DatasetManifest): void {
  const { kind, vocab, sha256 } = tokenizer;
  const own = config.tokenizer;
  if (kind !== own.kind || vocab !== own.vocab)
    throw dataChanged(path, `${from} has a ${kind} tokenizer of ${vocab} entries`);
  if (own.sha256 !== undefined && own.sha256 !== sha256)
    throw dataChanged(path, `${from} has another tokenizer of that size`);
}

async function requireSame(
  { path, config }: RunOnData,
  from: string,
  manifest: DatasetManifest,
): Promise<void> {
  const { data } = config;
  if (!data) return;
  const isSame =
    "sha256" in data
      ? data.sha256 === contentChecksum(manifest)
      : data.manifestSha256 === (await manifestChecksum(from));
  if (!isSame) throw dataChanged(path, `${from} holds other tokens than the run was trained on`);
}

/** What runs of format 1 know a dataset by. */
async function manifestChecksum(folder: string): Promise<string> {
  const json: unknown = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"));
  return sha256Of(JSON.stringify(json));
}

import { corruptFile } from "../data/errors.ts";
import {
  contentChecksum,
  type DatasetManifest,
  MANIFEST,
  manifestSchema,
  type SplitManifest,
  TOKENIZER,
} from "../data/manifest.ts";
import { splitDocuments } from "../data/split.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { memorySplit, type TokenSplit } from "../data/windows.ts";
import type { DataReference } from "./config.ts";
import { checksumOf } from "./downloads.ts";
import { jsonOf, type RunSource, textOf } from "./read-run.ts";
import { tokenizerEntry, tokenizerJson } from "./tokenizer-entry.ts";

/** A dataset in memory, and the files that it is on a disk, by their names. */
export interface DatasetFiles {
  readonly train: TokenSplit;
  readonly validation: TokenSplit;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What a run in whose folder the files lie says of them. */
  readonly reference: DataReference;
}

/** Where a run that travels has its data. */
export const DATA_FOLDER = "data";

const VALIDATION_FRACTION = 0.1;

/**
 * A dataset of one text: as `prepareDataset` makes it, the last tenth is for validation, and end of text follows each part.
 * Throws DATA_TOO_SHORT.
 */
export function datasetOfText(text: string, tokenizer: Tokenizer): DatasetFiles {
  const parts = splitDocuments([{ name: "text", text }], { validationFraction: VALIDATION_FRACTION });
  const encoded = (["train", "validation"] as const).map((name) => {
    const own = parts[name].map((document) => document.text).join("");
    const bytes = new TextEncoder().encode(own).length;
    return { name, ids: Uint32Array.from([...tokenizer.encode(own), tokenizer.endOfText]), bytes };
  });
  const isWide = tokenizer.vocab > 2 ** 16;
  const files = new Map<string, Uint8Array>();
  const splits = encoded.map(({ name, ids, bytes }): SplitManifest => {
    const stored = isWide ? ids : Uint16Array.from(ids);
    const data = new Uint8Array(stored.buffer);
    files.set(`${name}.bin`, data);
    const file = { name: `${name}.bin`, tokens: ids.length, sha256: checksumOf(data) };
    return { tokens: ids.length, bytes, documents: 1, files: [file] };
  });
  const manifest: DatasetManifest = {
    version: 1,
    source: "a text of a page",
    validationFraction: VALIDATION_FRACTION,
    tokenizer: tokenizerEntry(tokenizer),
    dtype: isWide ? "uint32" : "uint16",
    train: splits[0] as SplitManifest,
    validation: splits[1] as SplitManifest,
  };
  const utf8 = (json: string) => new TextEncoder().encode(json);
  const json = tokenizerJson(tokenizer);
  if (json !== undefined) files.set(TOKENIZER, utf8(json));
  files.set(MANIFEST, utf8(`${JSON.stringify(manifest, null, 2)}\n`));
  return assembled(manifest, files);
}

/** The dataset in a run's own folder; undefined where there is none. Throws FETCH_CHECKSUM, FETCH_FORMAT, DATA_CORRUPT. */
export async function readDatasetFiles(source: RunSource): Promise<DatasetFiles | undefined> {
  const path = (name: string) => `${DATA_FOLDER}/${name}`;
  const bytes = await source.find(path(MANIFEST));
  if (typeof bytes === "string") return undefined;
  const url = source.urlOf(path(MANIFEST));
  const parsed = manifestSchema.safeParse(jsonOf(textOf(bytes, url), url));
  if (!parsed.success) throw corruptFile(url, "it is no manifest of a dataset");
  const manifest = parsed.data;
  if (manifest.hasPrompts) throw corruptFile(url, "it has prompts, which pages do not read");
  const files = new Map([[MANIFEST, bytes]]);
  for (const { name, sha256 } of [...manifest.train.files, ...manifest.validation.files])
    files.set(name, await source.read(path(name), sha256));
  const tokenizer = await source.find(path(TOKENIZER), manifest.tokenizer.sha256);
  if (typeof tokenizer !== "string") files.set(TOKENIZER, tokenizer);
  return assembled(manifest, files);
}

function assembled(manifest: DatasetManifest, files: ReadonlyMap<string, Uint8Array>): DatasetFiles {
  const splitOf = ({ files: parts, bytes, tokens }: SplitManifest): TokenSplit => {
    const ids = manifest.dtype === "uint16" ? new Uint16Array(tokens) : new Uint32Array(tokens);
    const whole = new Uint8Array(ids.buffer);
    let at = 0;
    for (const { name } of parts) {
      const part = files.get(name) ?? new Uint8Array();
      if (at + part.length > whole.length)
        throw corruptFile(name, "it has more tokens than its manifest says");
      whole.set(part, at);
      at += part.length;
    }
    return memorySplit(ids, { bytes });
  };
  const reference = { path: DATA_FOLDER, sha256: contentChecksum(manifest) };
  return { train: splitOf(manifest.train), validation: splitOf(manifest.validation), files, reference };
}

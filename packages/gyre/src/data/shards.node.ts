import { join } from "node:path";
import { sha256Of } from "../util/checksum.node.ts";
import { readRegular } from "../util/files.node.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { bpeTokenizer } from "./bpe.ts";
import { badManifest, corruptFile } from "./errors.ts";
import { gpt2Tokenizer } from "./gpt2.node.ts";
import { type DatasetManifest, MANIFEST, manifestSchema, type SplitManifest, TOKENIZER } from "./manifest.ts";
import { bytesTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { TokenSplit } from "./windows.ts";

/** A prepared dataset, read and checked. */
export interface Dataset {
  readonly manifest: DatasetManifest;
  readonly tokenizer: Tokenizer;
  readonly train: TokenSplit;
  readonly validation: TokenSplit;
}

/**
 * Opens a dataset that `prepareDataset` wrote, and checks the size and checksum of every file. Tokens are held in
 * memory. Throws DATA_MANIFEST, DATA_CORRUPT (names the file), PACKAGE_MISSING.
 */
export async function openDataset(folder: string): Promise<Dataset> {
  const manifest = await readManifest(join(folder, MANIFEST));
  const { kind, vocab, endOfText } = manifest.tokenizer;
  const tokenizer = await openTokenizer(folder, manifest);
  if (tokenizer.vocab !== vocab || tokenizer.endOfText !== endOfText) {
    const found = `vocab ${tokenizer.vocab} and endOfText ${tokenizer.endOfText}`;
    throw badManifest(
      join(folder, MANIFEST),
      `its ${kind} tokenizer has ${found}, not ${vocab} and ${endOfText}`,
    );
  }
  const train = await readSplit(folder, manifest.train, manifest.dtype);
  const validation = await readSplit(folder, manifest.validation, manifest.dtype);
  return { manifest, tokenizer, train, validation };
}

async function readManifest(path: string): Promise<DatasetManifest> {
  let value: unknown;
  try {
    value = JSON.parse((await readRegular(path)).toString("utf8"));
  } catch (cause) {
    throw badManifest(path, cause instanceof Error ? cause.message : String(cause));
  }
  const result = manifestSchema.safeParse(value, { error: inWords });
  if (result.success) return result.data;
  throw badManifest(path, problemsOf(result.error, "the manifest").join("; "));
}

async function openTokenizer(folder: string, manifest: DatasetManifest): Promise<Tokenizer> {
  const { kind, sha256 } = manifest.tokenizer;
  if (kind === "gpt2") return gpt2Tokenizer();
  if (kind === "bytes") return bytesTokenizer();
  const path = join(folder, TOKENIZER);
  const json = await readChecked(path, sha256 ?? "");
  return bpeTokenizer(json.toString("utf8"), path);
}

async function readSplit(
  folder: string,
  split: SplitManifest,
  dtype: DatasetManifest["dtype"],
): Promise<TokenSplit> {
  const tokens = dtype === "uint16" ? new Uint16Array(split.tokens) : new Uint32Array(split.tokens);
  const whole = new Uint8Array(tokens.buffer);
  let at = 0;
  for (const file of split.files) {
    const path = join(folder, file.name);
    const size = file.tokens * tokens.BYTES_PER_ELEMENT;
    const data = await readChecked(path, file.sha256, size);
    if (at + size > whole.length) break;
    whole.set(data, at);
    at += size;
  }
  if (at !== whole.length) throw badManifest(join(folder, MANIFEST), "its files do not add up to its tokens");
  return { tokens, length: split.tokens, bytes: split.bytes };
}

async function readChecked(path: string, sha256: string, size?: number): Promise<Buffer> {
  const data = await readRegular(path).catch(() => {
    throw corruptFile(path, "the file cannot be read");
  });
  if (size !== undefined && data.length !== size)
    throw corruptFile(path, `${data.length} bytes, not ${size}`);
  if (sha256Of(data) !== sha256) throw corruptFile(path, "its checksum differs");
  return data;
}

import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { sha256Of } from "../util/checksum.node.ts";
import { readRegular } from "../util/files.node.ts";
import { trainBpe } from "./bpe.node.ts";
import { type BpeTokenizer, bpeTokenizer } from "./bpe.ts";
import { type Document, dateRange, splitDocuments } from "./document.ts";
import { badManifest, badOption, corruptFile, outputExists, tooFewTokens } from "./errors.ts";
import { gpt2Tokenizer } from "./gpt2.node.ts";
import { type DatasetManifest, manifestSchema, type SplitManifest } from "./manifest.ts";
import { bytesTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { TokenSplit } from "./windows.ts";

/** Entries of a vocabulary that is learned, unless told. */
export const DEFAULT_VOCAB = 4096;

/**
 * Which tokenizer to use. A `bpe` is learned from the training split only. It has `vocab` entries; unless told, 4096,
 * or fewer where the text does not yield as many.
 */
export type TokenizerChoice =
  | { readonly kind: "bpe"; readonly vocab?: number }
  | { readonly kind: "gpt2" }
  | { readonly kind: "bytes" };

export interface PrepareOptions {
  readonly documents: readonly Document[];
  /** Where the documents come from, in words; goes into the manifest. */
  readonly source: string;
  /** A choice, or a BPE tokenizer that exists already. */
  readonly tokenizer: TokenizerChoice | BpeTokenizer;
  /** Folder to make. */
  readonly out: string;
  readonly validationFraction?: number;
  /** Refuse data of which a split has less than one window of this many tokens. */
  readonly context?: number;
  /** Largest size of one token file, in bytes; default 256 MiB. */
  readonly shardBytes?: number;
  /** Replace a dataset at `out`. Anything else that is there is never replaced. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
}

/** A prepared dataset, read and checked. */
export interface Dataset {
  readonly manifest: DatasetManifest;
  readonly tokenizer: Tokenizer;
  readonly train: TokenSplit;
  readonly validation: TokenSplit;
}

const MANIFEST = "manifest.json";
const TOKENIZER = "tokenizer.json";

/**
 * Splits documents, encodes them and writes a dataset folder (manifest.json, train.bin, validation.bin, and
 * tokenizer.json for BPE), which appears whole or not at all. Every document is followed by end of text.
 * Throws DATA_EXISTS, DATA_OPTION, DATA_TOO_SHORT and the errors of `splitDocuments` and `trainBpe`.
 */
export async function prepareDataset(options: PrepareOptions): Promise<DatasetManifest> {
  const { documents, source, validationFraction = 0.1, context = 1, signal } = options;
  const { shardBytes = 2 ** 28, overwrite = false } = options;
  if (!Number.isInteger(context) || context < 1)
    throw badOption("context", context, "a whole number of at least 1");
  if (!Number.isInteger(shardBytes) || shardBytes < 4) {
    throw badOption("shardBytes", shardBytes, "a whole number of at least 4");
  }
  const out = resolve(options.out);
  await requireFree(out, overwrite);
  const parts = splitDocuments(documents, { validationFraction });
  const tokenizer = await makeTokenizer(options.tokenizer, parts.train, signal);
  const train = await encodeDocuments(parts.train, tokenizer, context, signal);
  const validation = await encodeDocuments(parts.validation, tokenizer, context, signal);

  const draft = `${out}.${randomUUID()}.partial`;
  await mkdir(draft, { recursive: true });
  try {
    const json = "json" in tokenizer ? tokenizer.json : undefined;
    if (json !== undefined) await writeFile(join(draft, TOKENIZER), json);
    const { kind, vocab, endOfText } = tokenizer;
    const manifest: DatasetManifest = {
      version: 1,
      source,
      validationFraction,
      tokenizer: { kind, vocab, endOfText, ...(json === undefined ? {} : { sha256: sha256Of(json) }) },
      dtype: train.tokens.BYTES_PER_ELEMENT === 2 ? "uint16" : "uint32",
      train: await writeSplit(draft, "train", train, parts.train, shardBytes),
      validation: await writeSplit(draft, "validation", validation, parts.validation, shardBytes),
    };
    await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    signal?.throwIfAborted();
    await requireFree(out, overwrite);
    await rm(out, { recursive: true, force: true });
    await rename(draft, out);
    return manifest;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
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

async function requireFree(out: string, overwrite: boolean): Promise<void> {
  const names = await readdir(out).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT") return [];
    throw outputExists(out);
  });
  if (names.length === 0) return;
  const ours = /^(manifest\.json|tokenizer\.json|(train|validation)(-\d+)?\.bin)$/;
  if (!overwrite || !names.includes(MANIFEST) || !names.every((name) => ours.test(name)))
    throw outputExists(out);
}

async function makeTokenizer(
  choice: TokenizerChoice | BpeTokenizer,
  train: readonly Document[],
  signal: AbortSignal | undefined,
): Promise<Tokenizer | BpeTokenizer> {
  if ("json" in choice) return choice;
  if (choice.kind === "gpt2") return gpt2Tokenizer();
  if (choice.kind === "bytes") return bytesTokenizer();
  if (choice.kind !== "bpe")
    throw badOption("tokenizer", JSON.stringify(choice), "a kind of bpe, gpt2 or bytes");
  const { vocab = DEFAULT_VOCAB } = choice;
  const texts = train.map((document) => document.text);
  return trainBpe({ texts, vocab, canShrink: choice.vocab === undefined, signal });
}

async function encodeDocuments(
  documents: readonly Document[],
  tokenizer: Tokenizer,
  context: number,
  signal: AbortSignal | undefined,
): Promise<TokenSplit> {
  const encoded: Uint32Array[] = [];
  for (const document of documents) {
    await setImmediate(undefined, { signal });
    encoded.push(tokenizer.encode(document.text));
  }
  const length = encoded.reduce((sum, ids) => sum + ids.length + 1, 0);
  if (length < context + 1) throw tooFewTokens(length, context + 1);
  const tokens = tokenizer.vocab <= 2 ** 16 ? new Uint16Array(length) : new Uint32Array(length);
  let at = 0;
  for (const ids of encoded) {
    tokens.set(ids, at);
    at += ids.length;
    tokens[at++] = tokenizer.endOfText;
  }
  let bytes = 0;
  for (const id of tokens) bytes += tokenizer.byteLength(id);
  return { tokens, length, bytes };
}

async function writeSplit(
  folder: string,
  name: "train" | "validation",
  { tokens, length, bytes }: TokenSplit,
  documents: readonly Document[],
  shardBytes: number,
): Promise<SplitManifest> {
  const shardTokens = Math.floor(shardBytes / tokens.BYTES_PER_ELEMENT);
  const shards = Math.ceil(length / shardTokens);
  const files: SplitManifest["files"] = [];
  for (let shard = 0; shard < shards; shard++) {
    const part = tokens.subarray(shard * shardTokens, (shard + 1) * shardTokens);
    const data = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    const file = shards === 1 ? `${name}.bin` : `${name}-${String(shard).padStart(4, "0")}.bin`;
    await writeFile(join(folder, file), data);
    files.push({ name: file, tokens: part.length, sha256: sha256Of(data) });
  }
  const dates = dateRange(documents);
  return {
    tokens: length,
    bytes,
    documents: documents.length,
    ...(dates === undefined ? {} : { dates }),
    files,
  };
}

async function readManifest(path: string): Promise<DatasetManifest> {
  let value: unknown;
  try {
    value = JSON.parse((await readRegular(path)).toString("utf8"));
  } catch (cause) {
    throw badManifest(path, cause instanceof Error ? cause.message : String(cause));
  }
  const result = manifestSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw badManifest(path, `${issue?.path.join(".")}: ${issue?.message}`);
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

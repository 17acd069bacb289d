import { readdir, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { sha256Of } from "../util/checksum.node.ts";
import { trainBpe } from "./bpe.node.ts";
import type { BpeTokenizer } from "./bpe.ts";
import { type Document, type DocumentSplit, dateRange, splitDocuments } from "./document.ts";
import { makeWhole } from "./draft.node.ts";
import { asWriteError, badOption, otherDataset, outputExists, tooFewTokens } from "./errors.ts";
import { gpt2Tokenizer } from "./gpt2.node.ts";
import {
  DEFAULT_VOCAB,
  differences,
  documentsChecksum,
  type Inputs,
  recordOf,
  type TokenizerChoice,
} from "./inputs.node.ts";
import { type DatasetManifest, MANIFEST, type SplitManifest, TOKENIZER } from "./manifest.ts";
import { openDataset } from "./shards.node.ts";
import { bytesTokenizer, type Tokenizer } from "./tokenizer.ts";

/** The tokens of a split that is being prepared. */
interface Encoded {
  readonly tokens: Uint16Array | Uint32Array;
  readonly length: number;
  readonly bytes: number;
}

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
  /** Replace another dataset at `out`. Anything else that is there is never replaced. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
}

/** A dataset, and whether it was made now or was there already. */
export interface Prepared {
  readonly manifest: DatasetManifest;
  readonly isNew: boolean;
}

/**
 * Splits documents, encodes them and writes a dataset folder (manifest.json, train.bin, validation.bin, and
 * tokenizer.json for BPE), which appears whole or not at all. Every document is followed by end of text. A dataset of
 * the same documents and options at `out` is checked and stays as it is. Throws DATA_EXISTS where something else is
 * there, DATA_WRITE, DATA_BUSY, DATA_OPTION, DATA_TOO_SHORT, DATA_CORRUPT and the errors of `splitDocuments` and `trainBpe`.
 */
export async function prepareDataset(options: PrepareOptions): Promise<Prepared> {
  const { documents, validationFraction = 0.1, context = 1, signal } = options;
  const { shardBytes = 2 ** 28, overwrite = false } = options;
  if (!Number.isInteger(context) || context < 1)
    throw badOption("context", context, "a whole number of at least 1");
  if (!Number.isInteger(shardBytes) || shardBytes < 4) {
    throw badOption("shardBytes", shardBytes, "a whole number of at least 4");
  }
  const out = resolve(options.out);
  const isThere = await holdsDataset(out);
  const inputs: Inputs = {
    documents: documentsChecksum(documents),
    tokenizer: options.tokenizer,
    validationFraction,
    shardBytes,
  };
  if (isThere && !overwrite) {
    const { manifest } = await openDataset(out);
    const others = differences(manifest, inputs);
    if (others.length > 0) throw otherDataset(out, others);
    requireWindow(Math.min(manifest.train.tokens, manifest.validation.tokens), context);
    return { manifest, isNew: false };
  }
  const parts = splitDocuments(documents, { validationFraction });
  const manifest = await makeWhole(out, {
    make: (draft) => writeDataset(draft, parts, { ...options, inputs, context }),
    async replace() {
      signal?.throwIfAborted();
      const isThereNow = await holdsDataset(out);
      if (isThereNow && !overwrite) throw otherDataset(out, ["another process has just made it"]);
      return isThereNow;
    },
  });
  return { manifest, isNew: true };
}

async function writeDataset(
  draft: string,
  parts: DocumentSplit,
  options: PrepareOptions & { readonly inputs: Inputs; readonly context: number },
): Promise<DatasetManifest> {
  const { source, inputs, context, signal } = options;
  const scratch = join(draft, "learning");
  const tokenizer = await makeTokenizer(options.tokenizer, { train: parts.train, scratch, signal });
  const train = await encodeDocuments(parts.train, tokenizer, context, signal);
  const validation = await encodeDocuments(parts.validation, tokenizer, context, signal);
  const json = "json" in tokenizer ? tokenizer.json : undefined;
  if (json !== undefined) await writeFile(join(draft, TOKENIZER), json);
  const { kind, vocab, endOfText } = tokenizer;
  const { validationFraction, shardBytes } = inputs;
  const manifest: DatasetManifest = {
    version: 1,
    source,
    validationFraction,
    tokenizer: { kind, vocab, endOfText, ...(json === undefined ? {} : { sha256: sha256Of(json) }) },
    inputs: recordOf(inputs),
    dtype: train.tokens.BYTES_PER_ELEMENT === 2 ? "uint16" : "uint32",
    train: await writeSplit(draft, "train", train, parts.train, shardBytes),
    validation: await writeSplit(draft, "validation", validation, parts.validation, shardBytes),
  };
  await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Whether a dataset is at a path, and not nothing. Throws DATA_EXISTS for what is neither, DATA_WRITE for no place. */
async function holdsDataset(out: string): Promise<boolean> {
  const found = await stat(out).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw asWriteError(out, cause);
  });
  if (found === undefined) return false;
  const names = await readdir(out).catch(() => {
    throw outputExists(out);
  });
  const ours = /^(manifest\.json|tokenizer\.json|(train|validation)(-\d+)?\.bin)$/;
  if (names.length > 0 && !(names.includes(MANIFEST) && names.every((name) => ours.test(name))))
    throw outputExists(out);
  return names.length > 0;
}

async function makeTokenizer(
  choice: TokenizerChoice | BpeTokenizer,
  {
    train,
    scratch,
    signal,
  }: {
    readonly train: readonly Document[];
    readonly scratch: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Tokenizer | BpeTokenizer> {
  if ("json" in choice) return choice;
  if (choice.kind === "gpt2") return gpt2Tokenizer();
  if (choice.kind === "bytes") return bytesTokenizer();
  if (choice.kind !== "bpe")
    throw badOption("tokenizer", JSON.stringify(choice), "a kind of bpe, gpt2 or bytes");
  const { vocab = DEFAULT_VOCAB } = choice;
  const texts = train.map((document) => document.text);
  return trainBpe({ texts, vocab, canShrink: choice.vocab === undefined, scratch, signal });
}

async function encodeDocuments(
  documents: readonly Document[],
  tokenizer: Tokenizer,
  context: number,
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  const encoded: Uint32Array[] = [];
  for (const document of documents) {
    await setImmediate(undefined, { signal });
    encoded.push(tokenizer.encode(document.text));
  }
  const length = encoded.reduce((sum, ids) => sum + ids.length + 1, 0);
  requireWindow(length, context);
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

function requireWindow(tokens: number, context: number): void {
  if (tokens < context + 1) throw tooFewTokens(tokens, context + 1);
}

async function writeSplit(
  folder: string,
  name: "train" | "validation",
  { tokens, length, bytes }: Encoded,
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

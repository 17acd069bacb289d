import { dirname, join } from "node:path";
import { sha256Of } from "../util/checksum.node.ts";
import { reasonOf } from "../util/errors.ts";
import { readRegular } from "../util/files.node.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { badManifest, corruptFile, noDataset } from "./errors.ts";
import { gpt2Tokenizer } from "./gpt2.node.ts";
import { type DatasetManifest, MANIFEST, manifestSchema, TOKENIZER } from "./manifest.ts";
import { TokenFiles } from "./token-files.node.ts";
import { bytesTokenizer, type Tokenizer } from "./tokenizer.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";
import type { TokenSplit } from "./windows.ts";

/** Bytes of a manifest, which has a line for each 256 MiB of tokens, and of a tokenizer of some million entries. */
const MOST_MANIFEST = 2 ** 24;
const MOST_TOKENIZER = 2 ** 28;

/** A prepared dataset, read and checked. */
export interface Dataset {
  readonly manifest: DatasetManifest;
  readonly tokenizer: Tokenizer;
  readonly train: TokenSplit;
  readonly validation: TokenSplit;
}

/**
 * Opens a dataset that `prepareDataset` wrote, and checks the size and checksum of every file. Tokens
 * stay on disk. Throws DATA_MISSING, DATA_MANIFEST, DATA_CORRUPT (names the file), PACKAGE_MISSING.
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
  const train = await TokenFiles.open(folder, manifest, manifest.train);
  const validation = await TokenFiles.open(folder, manifest, manifest.validation);
  return { manifest, tokenizer, train, validation };
}

async function readManifest(path: string): Promise<DatasetManifest> {
  let value: unknown;
  try {
    value = JSON.parse((await readRegular(path, { most: MOST_MANIFEST })).toString("utf8"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw noDataset(dirname(path));
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
  return tokenizerFromJson(json.toString("utf8"), path);
}

/** The bytes of a file with this checksum. Throws DATA_CORRUPT. */
export async function readChecked(path: string, sha256: string): Promise<Buffer> {
  const data = await readRegular(path, { most: MOST_TOKENIZER }).catch((cause: unknown) => {
    throw corruptFile(path, `the file cannot be read: ${reasonOf(cause)}`);
  });
  if (sha256Of(data) !== sha256) throw corruptFile(path, "its checksum differs");
  return data;
}

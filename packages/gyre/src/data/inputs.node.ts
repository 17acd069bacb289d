import { createHash } from "node:crypto";
import { sha256Of } from "../util/checksum.node.ts";
import type { BpeTokenizer } from "./bpe.ts";
import type { Document } from "./document.ts";
import type { DatasetManifest } from "./manifest.ts";

/** Entries of a vocabulary that is learned, unless told. */
export const DEFAULT_VOCAB = 4096;

/**
 * Which tokenizer to use. A `bpe` is learned from the training split only. It has `vocab` entries; unless told, 4096,
 * or fewer where the text does not yield as many.
 */
export type TokenizerChoice =
  | { readonly kind: "bpe"; readonly vocab?: number }
  | { readonly kind: "gpt2" }
  | { readonly kind: "bytes" }
  /** The characters of the training split. */
  | { readonly kind: "characters" };

/** What a dataset is made of and how: the same inputs make the same dataset. */
export interface Inputs {
  /** Checksum of the documents. */
  readonly documents: string;
  readonly tokenizer: TokenizerChoice | BpeTokenizer;
  readonly validationFraction: number;
  readonly shardBytes: number;
}

/** The checksum of the dates and texts of documents, in order; their names change no token. */
export function documentsChecksum(documents: Iterable<Document>): string {
  const hash = createHash("sha256");
  for (const { date = "", text } of documents) hash.update(`${date}\0`).update(text).update("\0");
  return hash.digest("hex");
}

/** What a manifest records of the inputs. */
export function recordOf({
  documents,
  tokenizer,
  shardBytes,
}: Inputs): NonNullable<DatasetManifest["inputs"]> {
  const isLearned = !("json" in tokenizer) && tokenizer.kind === "bpe";
  return { documents, ...(isLearned ? { vocab: tokenizer.vocab ?? DEFAULT_VOCAB } : {}), shardBytes };
}

/** In what a dataset differs from the one that these inputs make, in words; nothing where it is that one. */
export function differences(manifest: DatasetManifest, inputs: Inputs): string[] {
  const { inputs: recorded, validationFraction } = manifest;
  if (recorded === undefined) return ["its manifest does not record what it was made of"];
  const found = [
    ...(recorded.documents === inputs.documents ? [] : ["its text is other text"]),
    ...tokenizerDifferences(manifest, inputs.tokenizer),
  ];
  if (validationFraction !== inputs.validationFraction)
    found.push(`its validation part is ${validationFraction}, not ${inputs.validationFraction}`);
  if (recorded.shardBytes !== inputs.shardBytes)
    found.push(`its files have at most ${recorded.shardBytes} bytes, not ${inputs.shardBytes}`);
  return found;
}

function tokenizerDifferences(
  { inputs, tokenizer }: DatasetManifest,
  wanted: Inputs["tokenizer"],
): readonly string[] {
  if ("json" in wanted) return tokenizer.sha256 === sha256Of(wanted.json) ? [] : ["its tokenizer is another"];
  if (tokenizer.kind !== wanted.kind) return [`its tokenizer is ${tokenizer.kind}, not ${wanted.kind}`];
  if (wanted.kind !== "bpe") return [];
  if (inputs?.vocab === undefined) return ["its tokenizer was not learned from its text"];
  // a default may have become smaller: what was to be had decides; of a number that is asked for, what there is
  const isSame =
    wanted.vocab === undefined ? inputs.vocab === DEFAULT_VOCAB : tokenizer.vocab === wanted.vocab;
  return isSame
    ? []
    : [`its vocabulary has ${tokenizer.vocab} entries, not ${wanted.vocab ?? DEFAULT_VOCAB}`];
}

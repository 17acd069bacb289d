import * as z from "zod";
import { sha256Of } from "../util/checksum.ts";

/** The files of a dataset beside its tokens. */
export const MANIFEST = "manifest.json";
export const TOKENIZER = "tokenizer.json";

export const count = z.number().int().nonnegative();
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const tokenFile = z.strictObject({ name: z.string().regex(/^[\w-]+\.bin$/), tokens: count, sha256 });

const splitSchema = z.strictObject({
  /** Number of tokens, end-of-text ones included. */
  tokens: count,
  /** Number of UTF-8 bytes of the text. */
  bytes: count,
  documents: count,
  /** Of a mixture: what is from each of its sources. */
  parts: z.array(z.strictObject({ tokens: count, documents: count })).optional(),
  /** First and last date of the documents, when all are dated. */
  dates: z.strictObject({ from: z.string(), to: z.string() }).optional(),
  files: z.array(tokenFile).min(1),
});

/** What `manifest.json` of a prepared dataset says. Token files are little-endian and hold nothing but tokens. */
export const manifestSchema = z.strictObject({
  version: z.literal(1),
  source: z.string(),
  validationFraction: z.number(),
  tokenizer: z.strictObject({
    kind: z.enum(["bpe", "gpt2", "bytes", "characters", "words"]),
    vocab: count,
    endOfText: count,
    /** Checksum of tokenizer.json; only for the kinds "bpe", "characters" and "words". */
    sha256: sha256.optional(),
  }),
  /** What the dataset was made of: the same inputs make the same dataset. */
  inputs: z
    .strictObject({
      /** Checksum of the documents, as `documentsChecksum` takes it. */
      documents: sha256,
      /** Entries that a vocabulary was to have; only where it was learned from the documents. */
      vocab: count.optional(),
      shardBytes: count,
    })
    .optional(),
  /** Sources that were mixed, with the shares of the tokens that they were to have. */
  mixture: z
    .strictObject({ seed: count, sources: z.array(z.strictObject({ name: z.string(), share: z.number() })) })
    .optional(),
  dtype: z.enum(["uint16", "uint32"]),
  /** Tokens of prompts, which are read and not learned, have the highest bit set. */
  hasPrompts: z.literal(true).optional(),
  train: splitSchema,
  validation: splitSchema,
});

/** The bit that marks a prompt's token in a file: the highest one of a number. */
export const promptBitOf = (dtype: "uint16" | "uint32"): number => (dtype === "uint16" ? 2 ** 15 : 2 ** 31);

/** What manifest.json of a dataset says: tokenizer, splits, sizes and checksums. */
export type DatasetManifest = z.infer<typeof manifestSchema>;
export type SplitManifest = DatasetManifest["train"];

/** The checksum of a dataset's tokens and tokenizer; where it is and what else its manifest says changes nothing. */
export function contentChecksum({ tokenizer, dtype, train, validation }: DatasetManifest): string {
  const { kind, vocab, endOfText, sha256 = null } = tokenizer;
  const files = [train, validation].map((split) => split.files.map((file) => [file.tokens, file.sha256]));
  return sha256Of(JSON.stringify([kind, vocab, endOfText, sha256, dtype, files]));
}

import * as z from "zod";
import { sha256Of } from "../../util/checksum.ts";
import { count, manifestSchema, sha256 } from "../manifest.ts";

/** The files of a prepared folder beside its manifest and its tokenizer. */
export const sideFiles = { train: "train.jsonl", heldOut: "held-out.jsonl" } as const;

const sideSchema = z.strictObject({
  texts: count,
  /** Texts of each class, in the order of `classes`. */
  counts: z.array(count),
  /** Texts that are longer than the context, of which only the beginning is kept. */
  cut: count,
  /** Checksum of the file. */
  sha256,
});

/** What `manifest.json` of labelled texts says. */
export const textsManifestSchema = z.strictObject({
  version: z.literal(1),
  kind: z.literal("texts"),
  source: z.string(),
  classes: z.array(z.string()).min(2),
  /** Tokens of a text at most, the one that asks for its class included. */
  context: count,
  tokenizer: manifestSchema.shape.tokenizer,
  /** Texts without anything to read, left out. */
  empty: count,
  train: sideSchema,
  heldOut: sideSchema,
  /** What is right of the held-out texts without any model. */
  baselines: z.array(z.strictObject({ name: z.string(), accuracy: z.number() })),
});
/** What manifest.json of labelled texts says: classes, tokenizer, both sides, and what is to be beaten. */
export type TextsManifest = z.infer<typeof textsManifestSchema>;

/** The checksum of what a model learns from and is measured on. */
export function textsChecksum({ classes, tokenizer, train, heldOut }: TextsManifest): string {
  const { kind, vocab, sha256 = null } = tokenizer;
  return sha256Of(JSON.stringify([classes, kind, vocab, sha256, train.sha256, heldOut.sha256]));
}

import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { sha256Of } from "../util/checksum.node.ts";
import type { Inputs } from "./inputs.node.ts";
import { count, sha256, tokenFile } from "./manifest.ts";

/** The file of a draft that says how far it has come. */
export const JOURNAL = "journal.json";

/** How far a split is encoded, at the end of a stretch. */
const progressSchema = z.strictObject({
  stretches: count,
  /** Units of text. */
  units: count,
  bytes: count,
  parts: z.array(z.strictObject({ tokens: count, documents: count })),
  files: z.array(tokenFile),
  /** The file after these, of which so many tokens are written. */
  open: z.strictObject({ tokens: count, sha256 }).optional(),
  isDone: z.boolean(),
});

const inputsSchema = z.strictObject({
  documents: sha256,
  tokenizer: z.string(),
  validationFraction: z.number(),
  shardBytes: count,
});

const journalSchema = z.strictObject({
  version: z.literal(1),
  inputs: inputsSchema,
  /** Checksum of the draft's tokenizer.json, where there is one. */
  tokenizer: sha256.optional(),
  train: progressSchema.optional(),
  validation: progressSchema.optional(),
});

export type SplitProgress = z.infer<typeof progressSchema>;
export type Journal = z.infer<typeof journalSchema>;

/** What a journal records of the inputs, so that only the same ones go on. */
export const journalInputs = ({
  documents,
  tokenizer,
  validationFraction,
  shardBytes,
}: Inputs): Journal["inputs"] => ({
  documents,
  tokenizer: "json" in tokenizer ? sha256Of(tokenizer.json) : JSON.stringify(tokenizer),
  validationFraction,
  shardBytes,
});

/** In what an unfinished dataset differs from the one of these inputs, in words. */
export function journalDifferences({ inputs }: Journal, wanted: Journal["inputs"]): string[] {
  const words = {
    documents: "its text is other text",
    tokenizer: "its tokenizer is another",
    validationFraction: `its validation part is ${inputs.validationFraction}, not ${wanted.validationFraction}`,
    shardBytes: `its files have at most ${inputs.shardBytes} bytes, not ${wanted.shardBytes}`,
  };
  const keys = Object.keys(words) as (keyof typeof words)[];
  return keys.filter((key) => inputs[key] !== wanted[key]).map((key) => words[key]);
}

/** The journal of a draft; nothing where it has none, or none that can be read. */
export async function readJournal(draft: string): Promise<Journal | undefined> {
  try {
    const result = journalSchema.safeParse(JSON.parse(await readFile(join(draft, JOURNAL), "utf8")));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the journal of a draft as a whole. */
export async function writeJournal(draft: string, journal: Journal): Promise<void> {
  const path = join(draft, JOURNAL);
  await writeFile(`${path}.new`, JSON.stringify(journal));
  await rename(`${path}.new`, path);
}

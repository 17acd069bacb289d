import { createHash } from "node:crypto";
import { fewestWhole, MOST_SLACK, type Place, placeNear, type Sizes, splitTarget } from "./split.ts";
import type { TextSource } from "./stretches.ts";
import { END_OF_TEXT } from "./tokenizer.ts";

/** What one pass over a source finds. */
export interface Scan extends Sizes {
  /** Whether any stretch is a prompt. */
  readonly hasPrompts: boolean;
  /** As `documentsChecksum` takes it; prompts are marked in it. */
  readonly checksum: string;
}

/** Units of text on either side of a cut that decide where it moves. */
const AROUND = MOST_SLACK + END_OF_TEXT.length;

/** Units of text between two that `onText` is told of. */
const TOLD = 2 ** 20;

interface ScanOptions {
  readonly validationFraction: number;
  readonly signal?: AbortSignal | undefined;
  readonly onText?: (units: number) => void;
}

/** Counts a source and takes its checksum. Throws DATA_OPTION and what reading throws. */
export async function scan(
  source: TextSource,
  { validationFraction: fraction, signal, onText }: ScanOptions,
): Promise<Scan> {
  const fewest = fewestWhole(fraction);
  const lengths: number[] = [];
  const hash = createHash("sha256");
  let documents = 0;
  let units = 0;
  let told = 0;
  let start = 0;
  let isFirst = true;
  let hasPrompts = false;
  for await (const { text, isLast, isPrompt = false } of source.stretches()) {
    signal?.throwIfAborted();
    if (isFirst) hash.update("\0");
    hash.update(text);
    if (isPrompt) hash.update("\0\0");
    hasPrompts ||= isPrompt;
    units += text.length;
    if (units - told >= TOLD) {
      onText?.(units - told);
      told = units;
    }
    isFirst = isLast;
    if (!isLast) continue;
    hash.update("\0");
    if (documents < fewest) lengths.push(units - start);
    start = units;
    documents++;
  }
  return { documents, units, lengths, hasPrompts, checksum: hash.digest("hex") };
}

/**
 * Where validation begins in a source, as `splitDocuments` decides it for documents in memory: the text around the place is
 * read, and no more. Throws DATA_EMPTY and DATA_TOO_SHORT.
 */
export async function splitPlace(
  source: TextSource,
  found: Scan,
  { validationFraction }: { validationFraction: number },
): Promise<Place> {
  const target = splitTarget(found, validationFraction);
  const from = Math.max(0, target.at - AROUND);
  const text = target.slack > 0 ? await textOf(source, target.document, from, target.at + AROUND) : "";
  return placeNear(target, found, { text, from });
}

async function textOf(source: TextSource, document: number, from: number, to: number): Promise<string> {
  let index = 0;
  let start = 0;
  let found = "";
  for await (const { text, isLast } of source.stretches()) {
    if (index === document) {
      found += text.slice(Math.max(0, from - start), Math.max(0, to - start));
      start += text.length;
      if (isLast || start >= to) return found;
    }
    if (isLast) index++;
  }
  return found;
}

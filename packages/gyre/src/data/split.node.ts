import { createHash } from "node:crypto";
import { cutPlace } from "./document.ts";
import { badOption, cannotSplit, emptyText } from "./errors.ts";
import type { Place, TextSource } from "./stretches.ts";

/** What one pass over a source finds. */
export interface Scan {
  readonly documents: number;
  /** Units of text (UTF-16), of all documents. */
  readonly units: number;
  /** The units of each of the first documents: of all of them where so few cannot be split whole. */
  readonly lengths: readonly number[];
  /** As `documentsChecksum` takes it. */
  readonly checksum: string;
}

/** Units of text around the place of a cut in which a line or a word may end. */
const AROUND = 2 ** 20;

/** Counts a source and takes its checksum. Throws DATA_EMPTY, DATA_OPTION and what reading throws. */
export async function scan(
  source: TextSource,
  { validationFraction: fraction, signal }: { validationFraction: number; signal?: AbortSignal | undefined },
): Promise<Scan> {
  if (!(fraction > 0 && fraction < 1))
    throw badOption("validationFraction", fraction, "a number between 0 and 1, both excluded");
  const fewest = Math.ceil(1 / Math.min(fraction, 1 - fraction)) + 1;
  const lengths: number[] = [];
  const hash = createHash("sha256");
  let documents = 0;
  let units = 0;
  let start = 0;
  let isFirst = true;
  for await (const { text, isLast } of source.stretches()) {
    signal?.throwIfAborted();
    if (isFirst) hash.update("\0");
    hash.update(text);
    units += text.length;
    isFirst = isLast;
    if (!isLast) continue;
    hash.update("\0");
    if (documents < fewest) lengths.push(units - start);
    start = units;
    documents++;
  }
  if (documents === 0) throw emptyText("a corpus of no documents");
  return { documents, units, lengths, checksum: hash.digest("hex") };
}

/**
 * Where validation begins: the last `validationFraction` of the documents; of too few documents, of their text, near
 * the end of a line or a word. What `splitDocuments` does to documents in memory. Throws DATA_TOO_SHORT.
 */
export async function splitPlace(
  source: TextSource,
  found: Scan,
  { validationFraction: fraction }: { validationFraction: number },
): Promise<Place> {
  const { documents, units } = found;
  const count = Math.round(documents * fraction);
  if (documents * fraction >= 1 && count < documents) return { document: documents - count, at: 0 };
  const place = await placeInText(source, found, fraction);
  const isBegin = place.document === 0 && place.at === 0;
  if (isBegin || place.document >= documents) throw cannotSplit(units);
  return place;
}

async function placeInText(source: TextSource, { units, lengths }: Scan, fraction: number): Promise<Place> {
  const target = Math.max(1, Math.min(units - 1, Math.round(units * (1 - fraction))));
  let document = 0;
  let start = 0;
  for (const length of lengths) {
    if (start + length > target) break;
    start += length;
    document++;
  }
  if (start === target) return { document, at: 0 };
  const from = Math.max(0, target - start - AROUND);
  const text = await textOf(source, document, from, target - start + AROUND);
  const slack = Math.min(AROUND, (units * Math.min(fraction, 1 - fraction)) / 2);
  const isTextBefore = document > 0 || from > 0;
  const at = from + cutPlace(text, { target: target - start - from, slack, isTextBefore });
  return at >= (lengths[document] ?? 0) ? { document: document + 1, at: 0 } : { document, at };
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

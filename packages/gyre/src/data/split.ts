import { type Document, dateRange } from "./document.ts";
import { badOption, cannotSplit, emptyText } from "./errors.ts";
import { END_OF_TEXT } from "./tokenizer.ts";

// Where a corpus is cut into training and validation: one decision, for documents in memory and for those read in stretches.

/** Documents to learn from, and documents held out. */
export interface DocumentSplit {
  readonly train: readonly Document[];
  readonly validation: readonly Document[];
}

/** A place in a corpus: a document, from 0, and a unit of its text. */
export interface Place {
  readonly document: number;
  readonly at: number;
}

/** What decides a split, beside the text around its place. */
export interface Sizes {
  readonly documents: number;
  /** Units of text (UTF-16), of all documents. */
  readonly units: number;
  /** The units of each of the first `fewest` documents, or of all of them. */
  readonly lengths: readonly number[];
}

/** The place that a fraction leads to, before it moves to the end of a line or a word. */
export interface Target extends Place {
  /** Units that it may move by: none where it is between two documents. */
  readonly slack: number;
}

/** A cut moves by at most so many units to the end of a line or a word. */
export const MOST_SLACK = 2 ** 20;

/** Documents whose lengths are needed: fewer are cut by characters. Throws DATA_OPTION. */
export function fewestWhole(validationFraction: number): number {
  if (!(validationFraction > 0 && validationFraction < 1))
    throw badOption("validationFraction", validationFraction, "a number between 0 and 1, both excluded");
  return Math.ceil(1 / Math.min(validationFraction, 1 - validationFraction)) + 1;
}

/**
 * Splits a corpus into training and validation documents. Validation is the newest `validationFraction` of
 * the documents when all are dated, else the last. Fewer documents than 1 / `validationFraction` are split by
 * characters instead, cutting one document at a line boundary. Throws DATA_EMPTY, DATA_OPTION, DATA_TOO_SHORT.
 *
 * @example
 * const { train, validation } = splitDocuments(documents, { validationFraction: 0.05 });
 */
export function splitDocuments(
  documents: readonly Document[],
  { validationFraction = 0.1 }: { validationFraction?: number } = {},
): DocumentSplit {
  const fewest = fewestWhole(validationFraction);
  const ordered = inOrder(documents);
  const lengths = ordered.map(({ text }) => text.length);
  const units = lengths.reduce((sum, length) => sum + length, 0);
  const sizes = { documents: ordered.length, units, lengths: lengths.slice(0, fewest) };
  const target = splitTarget(sizes, validationFraction);
  const { document, at } = placeNear(target, sizes, { text: ordered[target.document]?.text ?? "", from: 0 });
  const [train, validation] = [ordered.slice(0, document), ordered.slice(document)];
  const [cut] = validation;
  if (!cut || at === 0) return { train, validation };
  return {
    train: [...train, { ...cut, text: cut.text.slice(0, at) }],
    validation: [{ ...cut, text: cut.text.slice(at) }, ...validation.slice(1)],
  };
}

function inOrder(documents: readonly Document[]): readonly Document[] {
  if (dateRange(documents) === undefined) return documents;
  const key = (document: Document) => document.date ?? "";
  return documents.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** Where validation is to begin: at a document, or inside one where they are few. Throws DATA_EMPTY. */
export function splitTarget({ documents, units, lengths }: Sizes, fraction: number): Target {
  if (documents === 0) throw emptyText("a corpus of no documents");
  const count = Math.round(documents * fraction);
  if (documents * fraction >= 1 && count < documents) return { document: documents - count, at: 0, slack: 0 };
  const target = Math.max(1, Math.min(units - 1, Math.round(units * (1 - fraction))));
  let document = 0;
  let start = 0;
  for (const length of lengths) {
    if (start + length > target) break;
    start += length;
    document++;
  }
  const slack = Math.min(MOST_SLACK, (units * Math.min(fraction, 1 - fraction)) / 2);
  return { document, at: target - start, slack: start === target ? 0 : slack };
}

/**
 * Where a target moves to in the text around it, which begins at unit `from` of its document: after a line or a word, never
 * inside `<|endoftext|>`, and so that text is left on both sides. Throws DATA_TOO_SHORT.
 */
export function placeNear(
  { document, at: target, slack }: Target,
  { documents, units, lengths }: Sizes,
  { text, from }: { readonly text: string; readonly from: number },
): Place {
  if (target === 0 && document > 0 && document < documents) return { document, at: 0 };
  const start = lengths.slice(0, document).reduce((sum, length) => sum + length, 0);
  const near = cutNear(text, target - from, slack);
  const at = from + outsideMarker(text, near, start + from > 0);
  if (start + at <= 0 || start + at >= units) throw cannotSplit(units);
  return at >= (lengths[document] ?? 0) ? { document: document + 1, at: 0 } : { document, at };
}

/** The best place to cut near `target`: after a line, else after a word, within `slack`; else at a character. */
function cutNear(text: string, target: number, slack: number): number {
  if (target <= 0) return 0;
  if (target >= text.length) return text.length;
  for (const mark of ["\n", " "]) {
    const places = [text.lastIndexOf(mark, target - 1) + 1, text.indexOf(mark, target) + 1]
      .filter((place) => place > 0 && place < text.length && Math.abs(place - target) <= slack)
      .sort((a, b) => Math.abs(a - target) - Math.abs(b - target));
    if (places[0] !== undefined) return places[0];
  }
  const unit = text.charCodeAt(target);
  if (unit < 0xdc00 || unit > 0xdfff) return target;
  return target + 1 < text.length ? target + 1 : target - 1;
}

/** The cut, moved to an end of the `<|endoftext|>` that it falls inside; to its start if that leaves text before it. */
function outsideMarker(text: string, cut: number, isTextBefore: boolean): number {
  const start = text.lastIndexOf(END_OF_TEXT, cut - 1);
  const end = start + END_OF_TEXT.length;
  if (start < 0 || cut >= end) return cut;
  return start > 0 || isTextBefore ? start : end;
}

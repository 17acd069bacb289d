import { badOption, cannotSplit, emptyText } from "./errors.ts";
import { END_OF_TEXT } from "./tokenizer.ts";

/** One text of a corpus. `date` is ISO 8601 of any precision ("1790", "2021-04-28"). */
export interface Document {
  readonly name: string;
  readonly date?: string;
  readonly text: string;
}

/** Documents to learn from, and documents held out. */
export interface DocumentSplit {
  readonly train: readonly Document[];
  readonly validation: readonly Document[];
}

/**
 * Splits a corpus into training and validation documents. Validation is the newest `validationFraction` of
 * the documents when all are dated, else the last. Fewer documents than 1 / `validationFraction` are split by
 * characters instead, cutting one document at a line boundary. Throws DATA_EMPTY, DATA_OPTION, DATA_TOO_SHORT.
 */
export function splitDocuments(
  documents: readonly Document[],
  { validationFraction = 0.1 }: { validationFraction?: number } = {},
): DocumentSplit {
  if (!(validationFraction > 0 && validationFraction < 1)) {
    throw badOption("validationFraction", validationFraction, "a number between 0 and 1, both excluded");
  }
  if (documents.length === 0) throw emptyText("a corpus of no documents");
  const ordered = inOrder(documents);
  const count = Math.round(ordered.length * validationFraction);
  if (ordered.length * validationFraction < 1 || count === ordered.length) {
    return splitCharacters(ordered, validationFraction);
  }
  return { train: ordered.slice(0, -count), validation: ordered.slice(-count) };
}

/** The first and last date of some documents, or undefined when one has no date. */
export function dateRange(documents: readonly Document[]): { from: string; to: string } | undefined {
  const dates = documents.map((document) => document.date).filter((date) => date !== undefined);
  dates.sort();
  const from = dates[0];
  const to = dates.at(-1);
  if (from === undefined || to === undefined || dates.length < documents.length) return undefined;
  return { from, to };
}

function inOrder(documents: readonly Document[]): readonly Document[] {
  if (dateRange(documents) === undefined) return documents;
  const key = (document: Document) => document.date ?? "";
  return documents.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

function splitCharacters(documents: readonly Document[], fraction: number): DocumentSplit {
  const total = documents.reduce((sum, document) => sum + document.text.length, 0);
  const target = Math.max(1, Math.min(total - 1, Math.round(total * (1 - fraction))));
  const train: Document[] = [];
  const validation: Document[] = [];
  let start = 0;
  for (const document of documents) {
    const { text } = document;
    const slack = (total * Math.min(fraction, 1 - fraction)) / 2;
    const cut = cutPlace(text, { target: target - start, slack, isTextBefore: train.length > 0 });
    if (cut > 0) train.push({ ...document, text: text.slice(0, cut) });
    if (cut < text.length) validation.push({ ...document, text: text.slice(cut) });
    start += text.length;
  }
  if (train.length === 0 || validation.length === 0) throw cannotSplit(total);
  return { train, validation };
}

/** Where a text is cut near `target`: not inside `<|endoftext|>`, and so that text is left before the cut. */
export function cutPlace(
  text: string,
  { target, slack, isTextBefore }: { target: number; slack: number; isTextBefore: boolean },
): number {
  return outsideMarker(text, cutNear(text, target, slack), isTextBefore);
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

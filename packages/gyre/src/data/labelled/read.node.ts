import { type Dirent, existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { reasonOf } from "../../util/errors.ts";
import { loadPackage } from "../../util/packages.ts";
import { badCsv, missingPath } from "../errors.ts";
import { readBytes } from "../formats/bytes.node.ts";
import { decodeChunks } from "../formats/decode.ts";
import { noClasses } from "./errors.ts";
import { type LabelledText, type LabelledTexts, withoutEmpty } from "./labelled.ts";
import { SPAM_ASSASSIN, spamAssassin } from "./mails.node.ts";

/**
 * Reads labelled texts: `"spam-assassin"`; a `.csv` file whose first column is the class and whose others are the text
 * (AG News: class, title, description); a folder with a folder of `.txt` files for each class; or a folder with two parts
 * of either kind, `train.csv` and `test.csv`, or `train` and `test` (IMDB). Texts are UTF-8. Throws DATA_PATH, DATA_CLASSES,
 * DATA_CSV, DATA_ENCODING, DATA_BINARY, PACKAGE_MISSING.
 *
 * @example
 * const { texts, test } = await readLabelled("aclImdb");
 * console.log(texts[0]?.class, texts.length, test?.length);
 */
export async function readLabelled(source: string): Promise<LabelledTexts> {
  if (source === SPAM_ASSASSIN) return await spamAssassin();
  const { train, test } = partsOf(source);
  const texts = withoutEmpty(await readPart(train));
  if (test === undefined) return texts;
  const held = withoutEmpty(await readPart(test));
  return { texts: texts.texts, test: held.texts, empty: texts.empty + held.empty };
}

/** The one part of a source, or its two. Throws DATA_PATH. */
function partsOf(source: string): { readonly train: string; readonly test?: string } {
  if (!existsSync(source)) throw missingPath(source);
  for (const [train, test] of [
    ["train.csv", "test.csv"],
    ["train", "test"],
  ] as const)
    if (existsSync(join(source, train)) && existsSync(join(source, test)))
      return { train: join(source, train), test: join(source, test) };
  return { train: source };
}

const readPart = (path: string): Promise<LabelledText[]> =>
  statSync(path).isDirectory() ? readFolder(path) : readCsv(path);

/** Texts of IMDB that have no class. */
const UNLABELLED = "unsup";

/** The `.txt` files of each folder in a folder, whose name is their class; in order of their names. */
async function readFolder(folder: string): Promise<LabelledText[]> {
  const isClass = (entry: Dirent) =>
    entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== UNLABELLED;
  const classes = (await entriesOf(folder)).filter(isClass).map(({ name }) => name);
  const texts: LabelledText[] = [];
  for (const name of classes.sort()) {
    const files = (await entriesOf(join(folder, name))).filter(
      (entry) => entry.isFile() && entry.name.toLowerCase().endsWith(".txt"),
    );
    for (const file of files.map((entry) => entry.name).sort())
      texts.push({ class: name, text: await textOf(join(folder, name, file)) });
  }
  if (texts.length === 0) throw noClasses(folder, "holds no folder with .txt files");
  return texts;
}

const entriesOf = (folder: string): Promise<Dirent[]> =>
  readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw missingPath(folder, cause);
  });

async function textOf(path: string): Promise<string> {
  let text = "";
  for await (const part of decodeChunks(readBytes(path), path)) text += part;
  return text;
}

/** What a first row has in its first column that names columns, whatever else they are called. */
const HEADING = /^(class|label|category)( ?index)?$/i;

/** Rows of a class and a text in one or more columns. Numbers are the lines of a `classes.txt` beside it, where there is one. */
async function readCsv(path: string): Promise<LabelledText[]> {
  const { parse } = await loadPackage("csv-parse", () => import("csv-parse"));
  const parser = parse({ info: true, skip_empty_lines: true });
  // what goes wrong on the way in comes out of the loop below
  let broken: unknown;
  const fed = pipeline(Readable.from(decodeChunks(readBytes(path), path)), parser).catch((cause) => {
    broken = cause;
  });
  const names = await classNames(path);
  const texts: LabelledText[] = [];
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      const [label = "", ...columns] = record.map((value) => value.trim());
      if (texts.length === 0 && HEADING.test(label)) continue;
      if (columns.length === 0)
        throw badCsv(path, info.lines, "one column, where a class and a text are two");
      if (label === "") throw badCsv(path, info.lines, "no class in the first column");
      texts.push({ class: nameOf(label, names, path, info.lines), text: columns.join("\n") });
    }
  } catch (cause) {
    throw isCsvError(cause) ? badCsv(path, cause.lines, reasonOf(cause)) : cause;
  } finally {
    parser.destroy();
    await fed;
  }
  if (texts.length === 0) throw broken ?? noClasses(path, "has no rows");
  return texts;
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

const isCsvError = (cause: unknown): cause is Error & { readonly lines?: number } =>
  cause instanceof Error && "code" in cause && String(cause.code).startsWith("CSV_");

async function classNames(path: string): Promise<string[]> {
  const file = join(dirname(path), "classes.txt");
  if (basename(path) === "classes.txt" || !existsSync(file)) return [];
  return (await textOf(file)).split(/\r?\n/).filter((line) => line.trim() !== "");
}

/** The name of a class: as it is, or the line of that number. Throws DATA_CSV where there are too few lines. */
function nameOf(label: string, names: readonly string[], path: string, line: number): string {
  if (names.length === 0) return label;
  const name = /^\d+$/.test(label) ? names[Number(label) - 1] : names.find((one) => one === label);
  if (name === undefined)
    throw badCsv(
      path,
      line,
      `the class ${JSON.stringify(label)}, where classes.txt has ${names.length} classes`,
    );
  return name;
}

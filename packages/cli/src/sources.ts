import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError } from "./options.ts";

/** A path that is read, with the weight behind its `@`. */
export interface WeightedPath {
  readonly path: string;
  readonly weight?: number;
}

/** What `gyre prepare` reads, and the folder that it writes. */
export interface Sources {
  readonly sources: readonly WeightedPath[];
  readonly out: string;
}

/**
 * The paths of `gyre prepare`: the last of several is the folder to write. `PATH@WEIGHT` is a weight where nothing is at the whole path.
 * Throws UsageError where sources with and without weights are mixed, or the folder is missing.
 */
export function parseSources(paths: readonly string[]): Sources {
  const [first = "sotu", ...others] = paths;
  const last = others.pop();
  const sources = [first, ...others].map(weighted);
  const isMixture = sources.some(({ weight }) => weight !== undefined);
  if (isMixture) requireMixture(sources, last);
  if (last !== undefined) {
    if (sources.length > 1 && isFile(last))
      throw new UsageError(
        `The last path is the folder to write, and ${last} is a file: name the folder last.`,
      );
    return { sources, out: last };
  }
  const name = stemOf(first);
  if (name === undefined) throw new UsageError("Name the folder to write after the pattern.");
  return { sources, out: join("data", name) };
}

function requireMixture(sources: readonly WeightedPath[], out: string | undefined): void {
  const without = sources.find(({ weight }) => weight === undefined);
  if (without) throw new UsageError(`Give ${without.path} a weight too, as in ${without.path}@0.5.`);
  if (out === undefined || weighted(out).weight !== undefined)
    throw new UsageError("Name the folder to write after the sources of a mixture.");
  if (sources.length < 2)
    throw new UsageError("A mixture has at least two sources; one alone needs no weight.");
}

function weighted(word: string): WeightedPath {
  const [, path, digits] = /^(.+)@(\d+|\d*\.\d+)$/.exec(word) ?? [];
  if (path === undefined || digits === undefined || existsSync(word)) return { path: word };
  const weight = Number(digits);
  if (!(weight > 0)) throw new UsageError(`The weight of ${path} is ${digits}; it must be above 0.`);
  return { path, weight };
}

/** What a dataset of a source is called: nothing for a pattern. */
function stemOf(path: string): string | undefined {
  if (/[*?[{]/.test(path) && !existsSync(path)) return undefined;
  return basename(path).replace(/(?<=.)(\.(txt|md|jsonl|csv|parquet))?(\.(gz|zst))?$/i, "");
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

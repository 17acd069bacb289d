import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GyreError, reasonOf } from "../../util/errors.ts";
import { loadPackage } from "../../util/packages.ts";
import { badCsv, noTextKey } from "../errors.ts";
import { readBytes } from "./bytes.node.ts";
import { decodeChunks } from "./decode.ts";
import type { Row, RowOptions } from "./row.ts";

/** Bytes of a row, at most: beyond them a quotation mark is far likelier missing. */
const MOST_ROW = 2 ** 28;

/** A record as csv-parse gives it. */
interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * The columns `textKey` and `promptKey` of each row of a file of comma-separated values (RFC 4180) whose first row names the columns. Throws
 * DATA_CSV, PACKAGE_MISSING, the errors of `readBytes` and of text.
 */
export async function* csvRows(options: RowOptions): AsyncGenerator<Row, void, undefined> {
  const { path, textKey, promptKey } = options;
  const { parse } = await loadPackage("csv-parse", () => import("csv-parse"));
  const parser = parse({ info: true, skip_empty_lines: true, max_record_size: MOST_ROW });
  // what goes wrong on the way in comes out of the loop below
  const fed = pipeline(Readable.from(decodeChunks(readBytes(path), path)), parser).catch(() => undefined);
  let names: readonly string[] | undefined;
  let [column, before] = [-1, -1];
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      if (names !== undefined) {
        const prompt = promptKey === undefined ? {} : { prompt: record[before] ?? "" };
        yield { row: info.lines, text: record[column] ?? "", ...prompt };
        continue;
      }
      names = record;
      column = columnOf(names, path, textKey);
      if (promptKey !== undefined) before = columnOf(names, path, promptKey, "promptKey");
    }
  } catch (cause) {
    if (cause instanceof GyreError || !isCsvError(cause)) throw cause;
    throw badCsv(path, cause.lines, reasonOf(cause));
  } finally {
    parser.destroy();
    await fed;
  }
}

function columnOf(names: readonly string[], path: string, key: string, option?: "promptKey"): number {
  const column = names.indexOf(key);
  if (column < 0) throw noTextKey(path, { key, others: names, kind: "csv", option });
  if (names.includes(key, column + 1)) throw badCsv(path, 1, `two columns are called ${JSON.stringify(key)}`);
  return column;
}

const isCsvError = (cause: unknown): cause is Error & { readonly lines?: number } =>
  cause instanceof Error && "code" in cause && String(cause.code).startsWith("CSV_");

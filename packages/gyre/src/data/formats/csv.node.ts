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
 * The column `textKey` of each row of a file of comma-separated values (RFC 4180) whose first row names the columns. Throws
 * DATA_CSV, PACKAGE_MISSING, the errors of `readBytes` and of text.
 */
export async function* csvRows({ path, textKey }: RowOptions): AsyncGenerator<Row, void, undefined> {
  const { parse } = await loadPackage("csv-parse", () => import("csv-parse"));
  const parser = parse({ info: true, skip_empty_lines: true, max_record_size: MOST_ROW });
  // what goes wrong on the way in comes out of the loop below
  const fed = pipeline(Readable.from(decodeChunks(readBytes(path), path)), parser).catch(() => undefined);
  let column = -1;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      if (column >= 0) yield { row: info.lines, text: record[column] ?? "" };
      else column = columnOf(record, { path, textKey });
    }
  } catch (cause) {
    if (cause instanceof GyreError || !isCsvError(cause)) throw cause;
    throw badCsv(path, cause.lines, reasonOf(cause));
  } finally {
    parser.destroy();
    await fed;
  }
}

function columnOf(names: readonly string[], { path, textKey }: RowOptions): number {
  const column = names.indexOf(textKey);
  if (column < 0) throw noTextKey(path, { key: textKey, others: names, kind: "csv" });
  if (names.includes(textKey, column + 1))
    throw badCsv(path, 1, `two columns are called ${JSON.stringify(textKey)}`);
  return column;
}

const isCsvError = (cause: unknown): cause is Error & { readonly lines?: number } =>
  cause instanceof Error && "code" in cause && String(cause.code).startsWith("CSV_");

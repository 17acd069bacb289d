import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AsyncBuffer, FileMetaData, ParquetScan, SchemaElement } from "hyparquet";
import { GyreError, reasonOf } from "../../util/errors.ts";
import { loadPackage } from "../../util/packages.ts";
import { asWriteError, badParquet, missingPath, noTextKey } from "../errors.ts";
import { openFile, readBytes } from "./bytes.node.ts";
import { formatOf } from "./format.ts";
import type { Row, RowOptions } from "./row.ts";

/**
 * The columns `textKey` and `promptKey` of each row of a Parquet file, read row group by row group; null is an empty row. Throws
 * DATA_PATH, DATA_PARQUET, DATA_COMPRESSED, DATA_WRITE, PACKAGE_MISSING.
 */
export async function* parquetRows(options: RowOptions): AsyncGenerator<Row, void, undefined> {
  const { path, textKey, promptKey } = options;
  const file = await openWhole(path);
  try {
    const scan = await openScan(file, options);
    let row = 0;
    for (const [group, { rowStart, rowEnd }] of scan.ranges.entries()) {
      const read = (column: string) => readGroup(scan, { path, column, group, rowStart, rowEnd });
      const texts = await read(textKey);
      const prompts = promptKey === undefined ? undefined : await read(promptKey);
      for (const [at, text] of texts.entries())
        yield { row: ++row, text, ...(prompts ? { prompt: prompts[at] ?? "" } : {}) };
    }
  } finally {
    await file.close();
  }
}

/**
 * A file whose end can be read first, as Parquet must be: one that is compressed as a whole is unpacked into a temporary file, which is gone
 * as soon as it is closed. Throws DATA_PATH, DATA_COMPRESSED, DATA_WRITE where there is no room for it.
 */
async function openWhole(path: string): Promise<FileHandle> {
  if (formatOf(path)?.compression === undefined) return openFile(path);
  const temporary = join(tmpdir(), `gyre-${randomUUID()}.parquet`);
  const failed = (cause: unknown) => {
    throw asWriteError(temporary, cause);
  };
  const file = await open(temporary, "wx+").catch(failed);
  try {
    await rm(temporary);
    for await (const chunk of readBytes(path)) await file.writeFile(chunk).catch(failed);
    return file;
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** Reads the footer, and checks that the columns are there and hold text. */
async function openScan(file: FileHandle, { path, textKey, promptKey }: RowOptions): Promise<ParquetScan> {
  const { parquetMetadataAsync, parquetScan, parquetSchema } = await loadPackage(
    "hyparquet",
    () => import("hyparquet"),
  );
  const { compressors } = await loadPackage("hyparquet-compressors", () => import("hyparquet-compressors"));
  const buffer = await bufferOf(file, path);
  const columns = (metadata: FileMetaData): SchemaElement[] =>
    parquetSchema(metadata).children.map(({ element }) => element);
  try {
    const metadata = await parquetMetadataAsync(buffer);
    requireText(columns(metadata), path, textKey);
    if (promptKey !== undefined) requireText(columns(metadata), path, promptKey, "promptKey");
    const wanted = [textKey, ...(promptKey === undefined ? [] : [promptKey])];
    const parsers = { stringFromBytes: strictText };
    return await parquetScan({ file: buffer, metadata, compressors, columns: wanted, parsers });
  } catch (cause) {
    if (cause instanceof GyreError) throw cause;
    throw badParquet(path, `its footer cannot be read: ${reasonOf(cause)}`);
  }
}

function requireText(
  columns: readonly SchemaElement[],
  path: string,
  key: string,
  option?: "promptKey",
): void {
  const found = columns.find(({ name }) => name === key);
  if (found !== undefined && isText(found)) return;
  const others = columns.filter(isText).map(({ name }) => name);
  const type = found?.logical_type?.type ?? found?.converted_type ?? found?.type ?? "nested";
  throw noTextKey(path, {
    ...{ key, others, kind: "parquet", option },
    ...(found === undefined ? {} : { type }),
  });
}

/** A plain column of strings; also of bytes without a meaning, as some programs write their strings. */
function isText(column: SchemaElement): boolean {
  const meaning = column.logical_type?.type ?? column.converted_type;
  return (
    column.type === "BYTE_ARRAY" &&
    column.repetition_type !== "REPEATED" &&
    (meaning === undefined || meaning === "STRING" || meaning === "UTF8")
  );
}

async function readGroup(
  scan: ParquetScan,
  group: Readonly<Record<"path" | "column", string> & Record<"group" | "rowStart" | "rowEnd", number>>,
): Promise<readonly string[]> {
  const { path, column, rowStart, rowEnd } = group;
  const where = `row group ${group.group + 1} of ${scan.ranges.length}`;
  try {
    const values: ArrayLike<unknown> = await scan.readColumn({ column, rowStart, rowEnd });
    if (values.length !== rowEnd - rowStart)
      throw badParquet(path, `${where} has ${values.length} rows, not ${rowEnd - rowStart}`);
    return Array.from(values, (value) => (value === null || value === undefined ? "" : String(value)));
  } catch (cause) {
    if (cause instanceof GyreError) throw cause;
    throw badParquet(path, `${where} cannot be read: ${reasonOf(cause)}`);
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const strictText = (bytes: Uint8Array | undefined): string | undefined => bytes && decoder.decode(bytes);

async function bufferOf(file: FileHandle, path: string): Promise<AsyncBuffer> {
  const { size } = await file.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size))
        throw new Error(`it points to bytes ${start} to ${end}, and the file has ${size}`);
      const bytes = new Uint8Array(end - start);
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at).catch((cause) => {
          throw missingPath(path, cause);
        });
        if (bytesRead === 0) throw new Error("the file has become shorter");
        at += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

import { type Stretch, stretchEnd } from "../stretches.ts";
import { readBytes } from "./bytes.node.ts";
import { csvRows } from "./csv.node.ts";
import { decodeChunks } from "./decode.ts";
import { formatOf } from "./format.ts";
import { jsonRows } from "./jsonl.node.ts";
import { parquetRows } from "./parquet.node.ts";

/** A stretch of a document, and what the document is called. */
export interface NamedStretch extends Stretch {
  readonly name: string;
}

const rowsOf = { jsonl: jsonRows, csv: csvRows, parquet: parquetRows };

/**
 * The documents of a file stretch by stretch, empty ones too: a text file is one, less a byte order mark; the others have one a row, its
 * field `textKey`, after `promptKey` where that is asked for. No more than a chunk of the file, or one row (of Parquet: a group of them), is in memory. Throws
 * DATA_PATH, DATA_COMPRESSED, DATA_BINARY, DATA_ENCODING, DATA_JSONL, DATA_CSV, DATA_PARQUET, DATA_TOO_LARGE,
 * PACKAGE_MISSING.
 */
export async function* readStretches(
  { path, name }: { readonly path: string; readonly name: string },
  { textKey = "text", promptKey }: Readonly<Record<"textKey" | "promptKey", string | undefined>>,
): AsyncGenerator<NamedStretch, void, undefined> {
  const kind = formatOf(path)?.kind ?? "text";
  if (kind === "text") {
    for await (const stretch of textStretches(path)) yield { ...stretch, name };
    return;
  }
  for await (const { row, text, prompt = "" } of rowsOf[kind]({ path, textKey, promptKey })) {
    const named = { name: `${name}:${row}` };
    if (prompt !== "" && text.trim() !== "") yield { ...named, text: prompt, isLast: false, isPrompt: true };
    yield { ...named, text, isLast: true };
  }
}

async function* textStretches(path: string): AsyncGenerator<Stretch, void, undefined> {
  let pending = "";
  for await (const text of decodeChunks(readBytes(path), path)) {
    pending += text;
    for (let cut = stretchEnd(pending); cut > 0; cut = stretchEnd(pending)) {
      yield { text: pending.slice(0, cut), isLast: false };
      pending = pending.slice(cut);
    }
  }
  yield { text: pending, isLast: true };
}

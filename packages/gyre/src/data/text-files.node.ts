import { constants } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { extname } from "node:path";
import { openRegular } from "../util/files.node.ts";
import {
  badJsonLine,
  binaryFile,
  missingPath,
  noTextKey,
  notUtf8,
  otherEncoding,
  tooLarge,
} from "./errors.ts";
import { type Stretch, stretchEnd } from "./stretches.ts";

/** Bytes that are read at a time. */
const CHUNK = 2 ** 20;

/** Bytes of the longest text in memory: UTF-8 has at least as many bytes as a string has units. */
export const LONGEST = constants.MAX_STRING_LENGTH;

/** A stretch of a document, and what the document is called. */
export interface NamedStretch extends Stretch {
  readonly name: string;
}

/**
 * The documents of a text file stretch by stretch, empty ones too: a `.txt` or `.md` file is one, less a byte order mark; a
 * `.jsonl` file has one a line, its field `textKey`. No more than a chunk of the file, or one line, is in memory. Throws
 * DATA_PATH, DATA_BINARY, DATA_ENCODING, DATA_JSONL, DATA_TOO_LARGE.
 */
export async function* readStretches(
  { path, name }: { readonly path: string; readonly name: string },
  { textKey = "text" }: { readonly textKey?: string | undefined } = {},
): AsyncGenerator<NamedStretch, void, undefined> {
  const file = await openRegular(path).catch((cause: unknown) => {
    throw missingPath(path, cause);
  });
  try {
    if (extname(path).toLowerCase() === ".jsonl") yield* jsonLines(file, { path, name, textKey });
    else for await (const stretch of textStretches(file, path)) yield { ...stretch, name };
  } finally {
    await file.close();
  }
}

async function* textStretches(file: FileHandle, path: string): AsyncGenerator<Stretch, void, undefined> {
  let pending = "";
  let rest = Buffer.alloc(0);
  let offset = 0;
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    const end = bytesRead === 0 ? bytes.length : wholeCharacters(bytes);
    pending += decodeText(bytes.subarray(0, end), { path, offset });
    offset += end;
    rest = bytes.subarray(end);
    for (let cut = stretchEnd(pending); cut > 0; cut = stretchEnd(pending)) {
      yield { text: pending.slice(0, cut), isLast: false };
      pending = pending.slice(cut);
    }
    if (bytesRead === 0) break;
  }
  yield { text: pending, isLast: true };
}

/** The bytes up to the last character, where that is not whole. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) break;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 0;
    if (length > 0) return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

interface Rows {
  readonly path: string;
  readonly name: string;
  readonly textKey: string;
}

async function* jsonLines(file: FileHandle, rows: Rows): AsyncGenerator<NamedStretch, void, undefined> {
  let line = 0;
  for await (const { bytes, offset } of linesOf(file, rows.path)) {
    line++;
    const text = decodeText(bytes, { path: rows.path, offset });
    if (text.trim() === "") continue;
    yield { name: `${rows.name}:${line}`, text: jsonText(text, line, rows), isLast: true };
  }
}

interface Line {
  readonly bytes: Uint8Array;
  /** Where the line begins in the file. */
  readonly offset: number;
}

/** The lines of a file without their ends, of which no more than one is in memory. */
async function* linesOf(file: FileHandle, path: string): AsyncGenerator<Line, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let offset = 0;
  const lineWith = (last: Buffer): Line => {
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    const line = { bytes, offset };
    offset += bytes.length + 1;
    parts = [];
    length = 0;
    return line;
  };
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
    if (bytesRead === 0) break;
    let start = 0;
    for (let end = buffer.indexOf(10); end >= 0 && end < bytesRead; end = buffer.indexOf(10, start)) {
      yield lineWith(buffer.subarray(start, end));
      start = end + 1;
    }
    if (start === bytesRead) continue;
    parts.push(buffer.subarray(start, bytesRead));
    length += bytesRead - start;
    if (length > LONGEST) throw tooLarge(`${path}, the line from byte ${offset} on`, length, LONGEST);
  }
  if (length > 0) yield lineWith(Buffer.alloc(0));
}

function decodeText(
  bytes: Uint8Array,
  { path, offset = 0 }: { readonly path: string; readonly offset?: number },
): string {
  const encoding = offset === 0 ? wideEncoding(bytes) : undefined;
  if (encoding !== undefined) throw otherEncoding(path, encoding);
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw binaryFile(path, offset + zero);
  const text = new TextDecoder("utf-8", { ignoreBOM: offset > 0 }).decode(bytes);
  if (!text.includes("\ufffd")) return text;
  // A file may well hold U+FFFD itself: only bytes that do not come back are invalid.
  const back = new TextEncoder().encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  const wrong = bytes.findIndex((byte, at) => byte !== back[at]);
  if (wrong >= 0) throw notUtf8(path, offset + wrong);
  return text;
}

/** The order marks of encodings whose units are wider than a byte; the longer ones first. */
const orderMarks = [
  ["UTF-32LE", [0xff, 0xfe, 0, 0]],
  ["UTF-32BE", [0, 0, 0xfe, 0xff]],
  ["UTF-16LE", [0xff, 0xfe]],
  ["UTF-16BE", [0xfe, 0xff]],
] as const;

/** The encoding of a file that begins with these bytes, if its units are wider than a byte. */
function wideEncoding(bytes: Uint8Array): string | undefined {
  const marked = orderMarks.find(([, mark]) => mark.every((byte, at) => bytes[at] === byte));
  if (marked) return marked[0];
  // without a mark: in most languages nearly every other byte of UTF-16 is zero
  const start = bytes.subarray(0, 1024);
  const pairs = Math.floor(start.length / 2);
  const zeros = [0, 0];
  for (const [at, byte] of start.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (odd > pairs / 2 && even < pairs / 16) return "UTF-16LE";
  return even > pairs / 2 && odd < pairs / 16 ? "UTF-16BE" : undefined;
}

function jsonText(text: string, line: number, { path, textKey }: Rows): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badJsonLine(path, line, cause instanceof Error ? cause.message : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badJsonLine(path, line, "not a JSON object");
  const found: unknown = Object.hasOwn(value, textKey)
    ? (value as Record<string, unknown>)[textKey]
    : undefined;
  if (typeof found === "string") return found;
  const others = Object.entries(value).filter(([, field]) => typeof field === "string");
  throw noTextKey(
    `${path}:${line}`,
    textKey,
    others.map(([key]) => key),
  );
}

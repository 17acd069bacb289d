import { binaryFile, notUtf8, otherEncoding } from "../errors.ts";

/** The text of a file chunk by chunk, less a byte order mark. Throws DATA_BINARY, DATA_ENCODING. */
export async function* decodeChunks(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<string, void, undefined> {
  let rest: Uint8Array = new Uint8Array(0);
  let offset = 0;
  for await (const chunk of chunks) {
    const bytes = joined(rest, chunk);
    const end = wholeCharacters(bytes);
    if (end > 0) yield decodeText(bytes.subarray(0, end), { path, offset });
    offset += end;
    rest = bytes.subarray(end);
  }
  if (rest.length > 0) yield decodeText(rest, { path, offset });
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
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

/**
 * The text of bytes in UTF-8 that are at `offset` in a file; a byte order mark at its beginning is left out. Throws
 * DATA_BINARY, DATA_ENCODING.
 */
export function decodeText(
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

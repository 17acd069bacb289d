import { constants } from "node:buffer";
import { badJsonLine, noTextKey, tooLarge } from "../errors.ts";
import { readBytes } from "./bytes.node.ts";
import { decodeText } from "./decode.ts";
import type { Row, RowOptions } from "./row.ts";

/** Bytes of the longest text in memory: UTF-8 has at least as many bytes as a string has units. */
export const LONGEST = constants.MAX_STRING_LENGTH;

/** The fields `textKey` and `promptKey` of the object on each line. Throws DATA_JSONL, DATA_TOO_LARGE, the errors of `readBytes` and of text. */
export async function* jsonRows(options: RowOptions): AsyncGenerator<Row, void, undefined> {
  const { path } = options;
  let line = 0;
  for await (const { bytes, offset } of linesOf(readBytes(path), path)) {
    line++;
    const text = decodeText(bytes, { path, offset });
    if (text.trim() === "") continue;
    yield { row: line, ...fieldsOf(text, line, options) };
  }
}

interface Line {
  readonly bytes: Uint8Array;
  /** Where the line begins in the text. */
  readonly offset: number;
}

const NEWLINE = 10;

/** The lines of a file without their ends, of which no more than one is in memory. */
async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<Line, void, undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let offset = 0;
  const lineWith = (last: Uint8Array): Line => {
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    const line = { bytes, offset };
    offset += bytes.length + 1;
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield lineWith(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > LONGEST) throw tooLarge(`${path}, the line from byte ${offset} on`, length, LONGEST);
  }
  if (length > 0) yield lineWith(new Uint8Array(0));
}

function fieldsOf(
  text: string,
  line: number,
  { path, textKey, promptKey }: RowOptions,
): Pick<Row, "text" | "prompt"> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badJsonLine(path, line, cause instanceof Error ? cause.message : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badJsonLine(path, line, "not a JSON object");
  const field = (key: string, option?: "promptKey"): string => {
    const found: unknown = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    if (typeof found === "string") return found;
    const others = Object.entries(value).filter(([, one]) => typeof one === "string");
    throw noTextKey(`${path}:${line}`, {
      ...{ key, others: others.map(([name]) => name), kind: "jsonl", option },
    });
  };
  const prompt = promptKey === undefined ? {} : { prompt: field(promptKey, "promptKey") };
  return { text: field(textKey), ...prompt };
}

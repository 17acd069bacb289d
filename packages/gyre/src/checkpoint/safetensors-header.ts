import { byteLength, type DType, dtypes, isDType } from "./dtypes.ts";
import {
  safetensorsDType,
  safetensorsDuplicate,
  safetensorsHeader,
  safetensorsOffsets,
  safetensorsSize,
  safetensorsTrailing,
} from "./errors.ts";

/** What the header says about one tensor; `begin` and `end` count bytes from the end of the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of the text. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export const metadataKey = "__metadata__";

/** Header text as the reference library writes it: compact, padded with spaces to a multiple of 8 bytes. */
export function printHeader(header: Header): string {
  const members = header.entries.map(({ name, dtype, shape, begin, end }) => {
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  if (header.metadata !== undefined) members.unshift(`"${metadataKey}":${JSON.stringify(header.metadata)}`);
  const text = `{${members.join(",")}}`;
  const length = new TextEncoder().encode(text).length;
  return text + " ".repeat((8 - (length % 8)) % 8);
}

/** Reads header text and checks everything that can be checked without the data. */
export function parseHeader(text: string, source: string): Header {
  if (!text.startsWith("{")) throw safetensorsHeader(source, "the header is not a JSON object");
  try {
    JSON.parse(text);
  } catch (cause) {
    throw safetensorsHeader(source, "the header is not JSON", cause);
  }
  const entries: TensorEntry[] = [];
  let metadata: Record<string, string> | undefined;
  for (const [name, value] of uniqueMembers(text, source)) {
    if (name === metadataKey) metadata = parseMetadata(value, source);
    else entries.push(parseEntry(name, value, source));
  }
  return { entries, metadata };
}

/** Throws unless the tensors cover `dataLength` bytes in a row, each with the bytes that its shape needs. */
export function checkLayout(entries: readonly TensorEntry[], dataLength: number, source: string): void {
  const inOrder = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  let before = "the header";
  for (const { name, dtype, shape, begin, end } of inOrder) {
    const where = `at bytes ${begin} to ${end}`;
    if (end < begin) throw safetensorsOffsets(source, name, `${where} ends before it begins`);
    if (end > dataLength)
      throw safetensorsOffsets(source, name, `${where} lies outside the ${dataLength} bytes of data`);
    if (begin < reached) throw safetensorsOffsets(source, name, `${where} overlaps ${before}`);
    if (begin > reached)
      throw safetensorsOffsets(
        source,
        name,
        `${where} leaves a gap of ${begin - reached} bytes after ${before}`,
      );
    const needed = byteLength(dtype, shape);
    if (needed !== end - begin) throw safetensorsSize(source, name, dtype, shape, end - begin, needed);
    reached = end;
    before = JSON.stringify(name);
  }
  if (reached < dataLength) throw safetensorsTrailing(source, dataLength - reached);
}

function parseMetadata(json: string, source: string): Record<string, string> {
  if (!json.trimStart().startsWith("{")) throw safetensorsHeader(source, `${metadataKey} is not an object`);
  const members = uniqueMembers(json, source).map(([key, value]) => {
    const text: unknown = JSON.parse(value);
    if (typeof text === "string") return [key, text] as const;
    throw safetensorsHeader(source, `${metadataKey} entry ${JSON.stringify(key)} is not a text`);
  });
  return Object.fromEntries(members);
}

function parseEntry(name: string, json: string, source: string): TensorEntry {
  const value: unknown = JSON.parse(json);
  const bad = (problem: string) => safetensorsHeader(source, `tensor ${JSON.stringify(name)} ${problem}`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("is not an object");
  const { dtype, shape, data_offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string") throw bad("has no dtype");
  if (!isDType(dtype)) throw safetensorsDType(source, name, dtype, dtypes);
  if (!isCounts(shape)) throw bad("has no shape of whole numbers");
  if (!isCounts(data_offsets) || data_offsets.length !== 2) throw bad("has no two data_offsets");
  return { name, dtype, shape, begin: data_offsets[0] as number, end: data_offsets[1] as number };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function uniqueMembers(json: string, source: string): [name: string, value: string][] {
  const members = membersOf(json);
  const seen = new Set<string>();
  for (const [name] of members) {
    if (seen.has(name)) throw safetensorsDuplicate(source, name);
    seen.add(name);
  }
  return members;
}

/**
 * Names and value texts of the outermost object of valid JSON. JSON.parse would drop repeated names and move
 * names that look like numbers to the front.
 */
function membersOf(json: string): [name: string, value: string][] {
  const members: [string, string][] = [];
  let depth = 0;
  let name: string | undefined;
  let valueStart = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '"') {
      const start = at;
      at = closingQuote(json, start);
      if (depth === 1 && name === undefined) name = JSON.parse(json.slice(start, at + 1)) as string;
    } else if (char === "{" || char === "[") depth++;
    else if (char === ":" && depth === 1) valueStart = at + 1;
    else if (char === "}" || char === "]") depth--;
    const isEnd = (char === "," && depth === 1) || (char === "}" && depth === 0);
    if (isEnd && name !== undefined) {
      members.push([name, json.slice(valueStart, at)]);
      name = undefined;
    }
  }
  return members;
}

function closingQuote(json: string, opening: number): number {
  let at = opening + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at;
}

// Protobuf as bytes (https://protobuf.dev/programming-guides/encoding/): what the encoder wrote, read back.

/** What stands in a field: a varint, a 32-bit float, or the bytes of everything else. */
type WireValue = number | { readonly float: number } | Uint8Array;

interface Cursor {
  readonly message: string;
  readonly bytes: Uint8Array;
  at: number;
}

/** The fields of one message, by number. Single values are undefined when the field is absent. */
export interface Message {
  readonly name: string;
  ints(field: number): number[];
  int(field: number): number | undefined;
  floats(field: number): number[];
  float(field: number): number | undefined;
  texts(field: number): string[];
  text(field: number): string | undefined;
  blobs(field: number): Uint8Array[];
  blob(field: number): Uint8Array | undefined;
}

/** Which fields a reader understands, and which mean nothing to it (names, documentation). */
export interface MessageType {
  readonly name: string;
  readonly read: readonly number[];
  readonly ignored: readonly number[];
}

/**
 * Reads the fields of one message; nested messages are views of the same memory. Throws for bytes
 * that are cut short or no protobuf, and for a field that is neither read nor ignored.
 */
export function readMessage(bytes: Uint8Array, { name, read, ignored }: MessageType): Message {
  const fields = new Map<number, WireValue[]>(read.map((field) => [field, []]));
  const cursor: Cursor = { message: name, bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const key = readVarint(cursor);
    const field = Math.floor(key / 8);
    const value = readValue(cursor, key % 8);
    const values = fields.get(field);
    if (values) values.push(value);
    else if (!ignored.includes(field)) {
      throw new Error(`${name}: field ${field}, which no model here has`);
    }
  }
  return accessors(name, fields);
}

function accessors(name: string, fields: ReadonlyMap<number, readonly WireValue[]>): Message {
  const all = <Item>(field: number, decode: (value: WireValue) => Item[]) =>
    (fields.get(field) ?? []).flatMap(decode);
  const one = <Item>(field: number, items: Item[]): Item | undefined => {
    if (items.length > 1) throw new Error(`${name}: field ${field} stands ${items.length} times`);
    return items[0];
  };
  const misplaced = (field: number, expected: string) =>
    new Error(`${name}: field ${field} holds no ${expected}`);
  const message: Message = {
    name,
    ints: (field) =>
      all(field, (value) => {
        if (typeof value === "number") return [value];
        if (value instanceof Uint8Array) return packedInts(name, value);
        throw misplaced(field, "whole number");
      }),
    int: (field) => one(field, message.ints(field)),
    floats: (field) =>
      all(field, (value) => {
        if (typeof value === "number") throw misplaced(field, "float");
        if (!(value instanceof Uint8Array)) return [value.float];
        if (value.length % 4 === 0) return packedFloats(value);
        throw misplaced(field, "floats");
      }),
    float: (field) => one(field, message.floats(field)),
    texts: (field) => message.blobs(field).map((bytes) => decodeText(name, field, bytes)),
    text: (field) => one(field, message.texts(field)),
    blobs: (field) =>
      all(field, (value) => {
        if (value instanceof Uint8Array) return [value];
        throw misplaced(field, "bytes");
      }),
    blob: (field) => one(field, message.blobs(field)),
  };
  return message;
}

function packedInts(message: string, bytes: Uint8Array): number[] {
  const cursor = { message, bytes, at: 0 };
  const ints: number[] = [];
  while (cursor.at < bytes.length) ints.push(readVarint(cursor));
  return ints;
}

function packedFloats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}

function decodeText(message: string, field: number, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${message}: the text in field ${field} is not UTF-8`);
  }
}

function readValue(cursor: Cursor, wireType: number): WireValue {
  if (wireType === 0) return readVarint(cursor);
  if (wireType === 2) return take(cursor, readVarint(cursor));
  if (wireType === 5) {
    const { buffer, byteOffset } = take(cursor, 4);
    return { float: new DataView(buffer, byteOffset).getFloat32(0, true) };
  }
  throw new Error(`${cursor.message}: wire type ${wireType} before byte ${cursor.at}`);
}

function take(cursor: Cursor, length: number): Uint8Array {
  const left = cursor.bytes.length - cursor.at;
  if (length < 0 || length > left) {
    throw new Error(`${cursor.message}: a field of ${length} bytes where ${left} are left`);
  }
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

function readVarint(cursor: Cursor): number {
  const start = cursor.at;
  let value = 0;
  for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
    const byte = nextByte(cursor);
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  cursor.at = start;
  return readLongVarint(cursor);
}

function readLongVarint(cursor: Cursor): number {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = nextByte(cursor);
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return safeNumber(cursor, BigInt.asIntN(64, value));
  }
  throw new Error(`${cursor.message}: a number of more than 10 bytes before byte ${cursor.at}`);
}

function safeNumber(cursor: Cursor, value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Error(`${cursor.message}: the number ${value}, beyond 2^53`);
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw new Error(`${cursor.message}: a number that is cut short`);
  return byte;
}

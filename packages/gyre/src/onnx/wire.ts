import { onnxInteger, onnxTooLarge } from "./errors.ts";

/** Protobuf readers, onnxruntime's among them, refuse longer messages. */
const largestMessage = 2 ** 31 - 1;
const wireTypes = { varint: 0, bytes: 2, fixed32: 5 } as const;

interface Sink {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

/** One encoded field: its size is known before anything is written, so that nothing is copied twice. */
export interface Piece {
  readonly size: number;
  readonly write: (sink: Sink) => void;
}

/** A varint field. Throws ONNX_INTEGER for a number that is no safe integer. */
export function intPiece(field: number, value: number): Piece {
  if (!Number.isSafeInteger(value)) throw onnxInteger(value);
  const key = field * 8 + wireTypes.varint;
  return {
    size: varintSize(key) + varintSize(value),
    write(sink) {
      writeVarint(sink, key);
      writeVarint(sink, value);
    },
  };
}

export function floatPiece(field: number, value: number): Piece {
  const key = field * 8 + wireTypes.fixed32;
  return {
    size: varintSize(key) + 4,
    write(sink) {
      writeVarint(sink, key);
      sink.view.setFloat32(sink.at, value, true);
      sink.at += 4;
    },
  };
}

export function bytesPiece(field: number, bytes: Uint8Array): Piece {
  return delimited(field, bytes.length, (sink) => {
    sink.bytes.set(bytes, sink.at);
    sink.at += bytes.length;
  });
}

export function textPiece(field: number, text: string): Piece {
  return bytesPiece(field, new TextEncoder().encode(text));
}

export function messagePiece(field: number, pieces: readonly Piece[]): Piece {
  return delimited(field, totalSize(pieces), (sink) => {
    for (const piece of pieces) piece.write(sink);
  });
}

/** The bytes of a whole message, written into one buffer. Throws ONNX_TOO_LARGE from 2 GiB on. */
export function writeMessage(pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const size = totalSize(pieces);
  if (size > largestMessage) throw onnxTooLarge(size, largestMessage);
  const bytes = new Uint8Array(size);
  const sink = { bytes, view: new DataView(bytes.buffer), at: 0 };
  for (const piece of pieces) piece.write(sink);
  return bytes;
}

function totalSize(pieces: readonly Piece[]): number {
  return pieces.reduce((total, piece) => total + piece.size, 0);
}

function delimited(field: number, length: number, write: (sink: Sink) => void): Piece {
  const key = field * 8 + wireTypes.bytes;
  return {
    size: varintSize(key) + varintSize(length) + length,
    write(sink) {
      writeVarint(sink, key);
      writeVarint(sink, length);
      write(sink);
    },
  };
}

function varintSize(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function writeVarint(sink: Sink, value: number): void {
  if (value < 0) {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) sink.bytes[sink.at++] = Number(rest & 127n) | 128;
    sink.bytes[sink.at++] = Number(rest);
  } else {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) sink.bytes[sink.at++] = (rest % 128) | 128;
    sink.bytes[sink.at++] = rest;
  }
}

import { sizeOf, type Tensor } from "../util/tensor.ts";
import {
  bfloat16ToFloat32,
  byteLength,
  type DType,
  dtypes,
  float32ToBfloat16,
  float32ToHalf,
  halfToFloat32,
  isDType,
} from "./dtypes.ts";
import {
  integerRange,
  safetensorsDType,
  safetensorsHeader,
  safetensorsHeaderLength,
  safetensorsReservedName,
  safetensorsSize,
  safetensorsStaleHeader,
  safetensorsTooShort,
  tensorDType,
  tensorLength,
  torchFile,
} from "./errors.ts";
import {
  checkLayout,
  type Header,
  metadataKey,
  parseHeader,
  printHeader,
  type TensorEntry,
} from "./safetensors-header.ts";

/** A tensor as it stands in a file: row-major, little-endian; `bytes` may be a view of the whole file. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The element types that model weights may be stored in. */
export type FloatDType = "F32" | "F16" | "BF16";

/** What a safetensors file holds. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Free texts, written in the order of their keys here. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * The header text of the file that was read. Passed on to `encodeSafetensors`, it makes a byte-identical
   * copy of any file, whatever program wrote it; left out, the reference library's layout is used.
   */
  readonly header?: string;
}

const maxHeaderLength = 100_000_000;
const floatDTypes = ["F32", "F16", "BF16", "F64"] as const;
const intDTypes = ["I64", "I32", "U8"] as const;

/**
 * A safetensors file as pieces that follow each other: its beginning with the header, and views of the tensors' bytes.
 * Without `header` the layout is that of the reference library: tensors by falling rank of dtype, then by name. Throws
 * SAFETENSORS_NAME, SAFETENSORS_DTYPE or SAFETENSORS_SIZE for a tensor that cannot be stored, SAFETENSORS_STALE_HEADER
 * when `header` describes other tensors.
 */
export function safetensorsPieces(file: SafetensorsFile): Uint8Array[] {
  for (const [name, tensor] of file.tensors) checkTensor(name, tensor);
  const entries = file.header === undefined ? libraryLayout(file.tensors) : givenLayout(file, file.header);
  const header = new TextEncoder().encode(file.header ?? printHeader({ entries, metadata: file.metadata }));
  const beginning = new Uint8Array(8 + header.length);
  new DataView(beginning.buffer).setBigUint64(0, BigInt(header.length), true);
  beginning.set(header, 8);
  const inOrder = [...entries].sort((a, b) => a.begin - b.begin);
  return [beginning, ...inOrder.map(({ name }) => (file.tensors.get(name) as StoredTensor).bytes)];
}

/** `safetensorsPieces` as one: the bytes of a whole file, of at most 4 GiB. */
export function encodeSafetensors(file: SafetensorsFile): Uint8Array {
  const pieces = safetensorsPieces(file);
  const bytes = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Reads a safetensors file whose bytes are in memory; the tensors are views of them, in the header's order.
 * `source` names the file in errors. Throws SAFETENSORS_* for each way in which a file can be damaged and
 * CHECKPOINT_TORCH for a PyTorch file.
 */
export function decodeSafetensors(bytes: Uint8Array, source = "safetensors data"): SafetensorsFile {
  const start = dataStart(bytes.subarray(0, 8), { size: bytes.length, source });
  const { header, entries, metadata } = readHeader(bytes.subarray(8, start), {
    dataLength: bytes.length - start,
    source,
  });
  const tensors = new Map(
    entries.map(({ name, dtype, shape, begin, end }) => {
      return [name, { dtype, shape, bytes: bytes.subarray(start + begin, start + end) }];
    }),
  );
  return { tensors, ...(metadata === undefined ? {} : { metadata }), header };
}

/**
 * Where the data of a file of `size` bytes begins, from its first 8 bytes; no further than the file goes. Throws
 * SAFETENSORS_TOO_SHORT, SAFETENSORS_HEADER_LENGTH or CHECKPOINT_TORCH.
 */
export function dataStart(
  prefix: Uint8Array,
  { size, source }: { readonly size: number; readonly source: string },
): number {
  if (size < 8) throw safetensorsTooShort(source, size);
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
  const headerLength = view.getBigUint64(0, true);
  const most = Math.min(size - 8, maxHeaderLength);
  if (headerLength > most) {
    throw isTorch(view) ? torchFile(source) : safetensorsHeaderLength(source, headerLength, most);
  }
  return 8 + Number(headerLength);
}

/** The header with its text, checked against the bytes of data that follow it. Throws SAFETENSORS_*. */
export function readHeader(
  bytes: Uint8Array,
  { dataLength, source }: { readonly dataLength: number; readonly source: string },
): Header & { readonly header: string } {
  const header = decodeText(bytes, source);
  const { entries, metadata } = parseHeader(header, source);
  checkLayout(entries, dataLength, source);
  return { header, entries, metadata };
}

/** A copy of a stored tensor as float32: exact from F32, F16 and BF16, rounded from F64. Else CHECKPOINT_DTYPE. */
export function toFloat32(stored: StoredTensor, name: string): Float32Array {
  const buffer = alignedCopy(stored.bytes);
  switch (stored.dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F16":
      return halfToFloat32(new Uint16Array(buffer));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(buffer));
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    default:
      throw tensorDType(name, stored.dtype, floatDTypes);
  }
}

/** Whether `toFloat32` accepts this element type. */
export function canBeFloat32(dtype: DType): boolean {
  return (floatDTypes as readonly DType[]).includes(dtype);
}

/** A copy of a stored I64, I32 or U8 tensor as int32. Else CHECKPOINT_DTYPE; CHECKPOINT_INT_RANGE on overflow. */
export function toInt32(stored: StoredTensor, name: string): Int32Array {
  const buffer = alignedCopy(stored.bytes);
  switch (stored.dtype) {
    case "I64":
      return Int32Array.from(new BigInt64Array(buffer), (value) => {
        if (value !== BigInt.asIntN(32, value)) throw integerRange(name, value);
        return Number(value);
      });
    case "I32":
      return new Int32Array(buffer);
    case "U8":
      return Int32Array.from(stored.bytes);
    default:
      throw tensorDType(name, stored.dtype, intDTypes);
  }
}

/**
 * Stores float32 data in `dtype`, rounded to nearest even; F32 is a view of `data`, not a copy. Throws CHECKPOINT_LENGTH when the shape has another
 * number of elements, CHECKPOINT_DTYPE for any other dtype.
 */
export function fromFloat32(data: Float32Array, shape: readonly number[], dtype: FloatDType): StoredTensor {
  if (sizeOf(shape) !== data.length) throw tensorLength(shape, data.length);
  return { dtype, shape, bytes: floatBytes(data, dtype) };
}

/** Stores named float32 tensors in `dtype`, each name with `prefix` before it ("gpt." as on the hub). */
export function storeTensors(
  tensors: ReadonlyMap<string, Tensor<Float32Array>>,
  options: { readonly dtype: FloatDType; readonly prefix?: string },
): Map<string, StoredTensor> {
  const { dtype, prefix = "" } = options;
  return new Map(
    [...tensors].map(([name, { data, shape }]) => [prefix + name, fromFloat32(data, shape, dtype)]),
  );
}

function floatBytes(data: Float32Array, dtype: FloatDType): Uint8Array {
  switch (dtype) {
    case "F32":
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    case "F16":
      return new Uint8Array(float32ToHalf(data).buffer);
    case "BF16":
      return new Uint8Array(float32ToBfloat16(data).buffer);
    default:
      throw tensorDType("data", dtype, ["F32", "F16", "BF16"]);
  }
}

function checkTensor(name: string, { dtype, shape, bytes }: StoredTensor): void {
  if (name === metadataKey) throw safetensorsReservedName(name);
  if (!isDType(dtype)) throw safetensorsDType("safetensors data", name, dtype, dtypes);
  const needed = byteLength(dtype, shape);
  if (needed !== bytes.length) {
    throw safetensorsSize("safetensors data", name, dtype, shape, bytes.length, needed);
  }
}

function libraryLayout(tensors: ReadonlyMap<string, StoredTensor>): TensorEntry[] {
  const sorted = [...tensors].sort(([nameA, a], [nameB, b]) => {
    return dtypes.indexOf(b.dtype) - dtypes.indexOf(a.dtype) || compareUtf8(nameA, nameB);
  });
  let end = 0;
  return sorted.map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.length;
    return { name, dtype, shape, begin, end };
  });
}

function givenLayout(file: SafetensorsFile, text: string): readonly TensorEntry[] {
  const { entries, metadata } = parseHeader(text, "the given header");
  checkLayout(
    entries,
    entries.reduce((end, entry) => Math.max(end, entry.end), 0),
    "the given header",
  );
  const listed = new Set(entries.map(({ name }) => name));
  const unlisted = [...file.tensors.keys()].find((name) => !listed.has(name));
  if (unlisted !== undefined) throw safetensorsStaleHeader(`it lacks the tensor ${JSON.stringify(unlisted)}`);
  for (const { name, dtype, shape } of entries) {
    const tensor = file.tensors.get(name);
    const isSame = tensor?.dtype === dtype && String(tensor.shape) === String(shape);
    if (!isSame) throw safetensorsStaleHeader(`the tensor ${JSON.stringify(name)} is another or missing`);
  }
  const flat = (texts = {}) => JSON.stringify(Object.entries(texts).sort(([a], [b]) => compareUtf8(a, b)));
  if (flat(metadata) !== flat(file.metadata)) throw safetensorsStaleHeader("the metadata is another");
  return entries;
}

/** The order of the UTF-8 bytes, which is that of the code points (`<` compares UTF-16 units). */
function compareUtf8(a: string, b: string): number {
  const pointsA = Array.from(a, (char) => char.codePointAt(0) as number);
  const pointsB = Array.from(b, (char) => char.codePointAt(0) as number);
  const at = pointsA.findIndex((point, index) => point !== pointsB[index]);
  if (at === -1) return pointsA.length - pointsB.length;
  return (pointsA[at] as number) - (pointsB[at] ?? -1);
}

function decodeText(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw safetensorsHeader(source, "the header is not UTF-8", cause);
  }
}

/** A zip archive (torch.save since 1.6) or the pickled magic number of older files. */
function isTorch(view: DataView): boolean {
  const magic = view.getUint32(0, false);
  return magic === 0x504b0304 || magic === 0x80028a0a;
}

function alignedCopy(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

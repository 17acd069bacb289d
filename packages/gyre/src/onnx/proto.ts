import { sizeOf } from "../util/tensor.ts";
import { onnxTensor } from "./errors.ts";
import {
  bytesPiece,
  floatPiece,
  intPiece,
  messagePiece,
  type Piece,
  textPiece,
  writeMessage,
} from "./wire.ts";

// Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

/** Element types with their code in TensorProto.DataType and the array that holds them; bool is one byte each. */
const dtypes = {
  float32: { code: 1, array: Float32Array },
  float64: { code: 11, array: Float64Array },
  int32: { code: 6, array: Int32Array },
  int64: { code: 7, array: BigInt64Array },
  bool: { code: 9, array: Uint8Array },
} as const;

/** An element type of ONNX. */
export type OnnxDType = keyof typeof dtypes;
/** The values of an ONNX tensor. */
export type OnnxData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A constant. The array type of `data` belongs to `dtype`: BigInt64Array for int64, Uint8Array for bool. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
  readonly data: OnnxData;
}

/** A plain number is an INT, an array INTS, a text a STRING; floats and tensors say so. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: OnnxTensor }
  | { readonly graph: OnnxGraph };

/** One operation. An empty name among the inputs or outputs leaves out an optional one. */
export interface OnnxNode {
  readonly opType: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** The name, element type and shape of an input or output. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
}

/** A graph as ONNX defines it. */
export interface OnnxGraph {
  /** `"graph"` when left out. */
  readonly name?: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

/** A model of one graph, whose nodes may hold further ones as attributes. */
export interface OnnxModel extends OnnxGraph {
  /** 10 when left out. */
  readonly irVersion?: number;
  /** Versions by operator domain, where `""` is ai.onnx; `{ "": 21 }` when left out. */
  readonly opset?: Readonly<Record<string, number>>;
}

/** What a model says about itself when it says nothing. */
export const modelDefaults = { irVersion: 10, opset: { "": 21 }, name: "graph" } as const;

/**
 * The model as the bytes of an .onnx file. Throws ONNX_TENSOR for data that does not fit its shape and dtype,
 * ONNX_INTEGER for a fraction where a whole number belongs, and ONNX_TOO_LARGE from 2 GiB on.
 */
export function encodeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const opsets = Object.entries(model.opset ?? modelDefaults.opset).map(([domain, version]) =>
    messagePiece(8, [textPiece(1, domain), intPiece(2, version)]),
  );
  return writeMessage([
    intPiece(1, model.irVersion ?? modelDefaults.irVersion),
    messagePiece(7, graphPieces(model)),
    ...opsets,
  ]);
}

function graphPieces({
  name = modelDefaults.name,
  nodes,
  initializers,
  inputs,
  outputs,
}: OnnxGraph): Piece[] {
  return [
    ...nodes.map((node) => messagePiece(1, nodePieces(node))),
    textPiece(2, name),
    ...initializers.map((tensor) => messagePiece(5, tensorPieces(tensor))),
    ...inputs.map((value) => messagePiece(11, valueInfoPieces(value))),
    ...outputs.map((value) => messagePiece(12, valueInfoPieces(value))),
  ];
}

function nodePieces({ inputs, outputs, name, opType, attributes, domain }: OnnxNode): Piece[] {
  return [
    ...inputs.map((input) => textPiece(1, input)),
    ...outputs.map((output) => textPiece(2, output)),
    ...(name ? [textPiece(3, name)] : []),
    textPiece(4, opType),
    ...Object.entries(attributes ?? {}).map(([key, value]) => messagePiece(5, attributePieces(key, value))),
    ...(domain ? [textPiece(7, domain)] : []),
  ];
}

const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;

function attributePieces(name: string, value: OnnxAttribute): Piece[] {
  const typed = (type: keyof typeof attributeTypes, pieces: readonly Piece[]) => [
    textPiece(1, name),
    ...pieces,
    intPiece(20, attributeTypes[type]),
  ];
  if (typeof value === "number") return typed("int", [intPiece(3, value)]);
  if (typeof value === "string") return typed("string", [textPiece(4, value)]);
  if ("float" in value) return typed("float", [floatPiece(2, value.float)]);
  if ("floats" in value)
    return typed(
      "floats",
      value.floats.map((float) => floatPiece(7, float)),
    );
  if ("tensor" in value) return typed("tensor", [messagePiece(5, tensorPieces(value.tensor))]);
  if ("graph" in value) return typed("graph", [messagePiece(6, graphPieces(value.graph))]);
  return typed(
    "ints",
    value.map((int) => intPiece(8, int)),
  );
}

function tensorPieces({ name, dtype, shape, data }: OnnxTensor): Piece[] {
  const { code, array } = dtypes[dtype];
  if (!(data instanceof array)) throw onnxTensor(name, `${dtype} in a ${data.constructor.name}`, array.name);
  if (data.length !== sizeOf(shape) || shape.some((dim) => dim < 0)) {
    throw onnxTensor(name, `${data.length} elements`, `as many as the shape [${shape.join(", ")}] has`);
  }
  return [
    ...shape.map((dim) => intPiece(1, dim)),
    intPiece(2, code),
    textPiece(8, name),
    bytesPiece(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

function valueInfoPieces({ name, dtype, shape }: OnnxValueInfo): Piece[] {
  const dims = shape.map((dim) => messagePiece(1, [intPiece(1, dim)]));
  const tensorType = messagePiece(1, [intPiece(1, dtypes[dtype].code), messagePiece(2, dims)]);
  return [textPiece(1, name), messagePiece(2, [tensorType])];
}

import { sizeOf } from "../util/tensor.ts";
import { onnxDType, onnxMalformed, onnxTensor, onnxUnsupported } from "./errors.ts";
import {
  bytesPiece,
  floatPiece,
  intPiece,
  type Message,
  type MessageType,
  messagePiece,
  type Piece,
  readMessage,
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
const dtypeNames = Object.keys(dtypes) as readonly OnnxDType[];

export type OnnxDType = keyof typeof dtypes;
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

export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
}

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

const modelProto: MessageType = { name: "ModelProto", read: [1, 7, 8], ignored: [2, 3, 4, 5, 6, 14] };
const opsetProto: MessageType = { name: "OperatorSetIdProto", read: [1, 2], ignored: [] };
const graphProto: MessageType = { name: "GraphProto", read: [1, 2, 5, 11, 12], ignored: [10, 13, 16] };
const nodeProto: MessageType = { name: "NodeProto", read: [1, 2, 3, 4, 5, 7], ignored: [6, 9] };
const attributeProto: MessageType = {
  name: "AttributeProto",
  read: [1, 2, 3, 4, 5, 6, 7, 8, 20],
  ignored: [13],
};
const tensorProto: MessageType = { name: "TensorProto", read: [1, 2, 8, 9], ignored: [12, 16] };
const valueInfoProto: MessageType = { name: "ValueInfoProto", read: [1, 2], ignored: [3, 4] };
const typeProto: MessageType = { name: "TypeProto", read: [1], ignored: [6] };
const tensorTypeProto: MessageType = { name: "TypeProto.Tensor", read: [1, 2], ignored: [] };
const shapeProto: MessageType = { name: "TensorShapeProto", read: [1], ignored: [] };
const dimensionProto: MessageType = { name: "TensorShapeProto.Dimension", read: [1], ignored: [3] };

/**
 * Reads the bytes of an .onnx file. Documentation, producer and inferred inner types are dropped. Throws
 * ONNX_MALFORMED for damaged bytes, and ONNX_UNSUPPORTED or ONNX_DTYPE for what an OnnxModel cannot express
 * (functions, sparse or external data, symbolic shapes).
 */
export function decodeModel(bytes: Uint8Array): Required<OnnxModel> {
  const model = readMessage(bytes, modelProto);
  const graph = decodeGraph(required(model, "graph", model.blob(7)));
  const opsets = model.blobs(8).map((opset) => readMessage(opset, opsetProto));
  if (opsets.length === 0) throw onnxMalformed(model.name, "no opset_import");
  return {
    irVersion: required(model, "ir_version", model.int(1)),
    opset: Object.fromEntries(
      opsets.map((opset) => [opset.text(1) ?? "", required(opset, "version", opset.int(2))]),
    ),
    ...graph,
  };
}

function decodeGraph(bytes: Uint8Array): Required<OnnxGraph> {
  const graph = readMessage(bytes, graphProto);
  return {
    name: graph.text(2) ?? "",
    nodes: graph.blobs(1).map(decodeNode),
    initializers: graph.blobs(5).map(decodeTensor),
    inputs: graph.blobs(11).map(decodeValueInfo),
    outputs: graph.blobs(12).map(decodeValueInfo),
  };
}

function decodeNode(bytes: Uint8Array): OnnxNode {
  const node = readMessage(bytes, nodeProto);
  const name = node.text(3);
  const domain = node.text(7);
  const attributes = node.blobs(5).map(decodeAttribute);
  return {
    opType: required(node, "op_type", node.text(4)),
    ...(domain ? { domain } : {}),
    ...(name ? { name } : {}),
    inputs: node.texts(1),
    outputs: node.texts(2),
    ...(attributes.length > 0 ? { attributes: Object.fromEntries(attributes) } : {}),
  };
}

function decodeAttribute(bytes: Uint8Array): [string, OnnxAttribute] {
  const attribute = readMessage(bytes, attributeProto);
  return [required(attribute, "name", attribute.text(1)), attributeValue(attribute)];
}

function attributeValue(attribute: Message): OnnxAttribute {
  const type = attribute.int(20);
  switch (type) {
    case attributeTypes.float:
      return { float: attribute.float(2) ?? 0 };
    case attributeTypes.int:
      return attribute.int(3) ?? 0;
    case attributeTypes.string:
      return attribute.text(4) ?? "";
    case attributeTypes.tensor:
      return { tensor: decodeTensor(required(attribute, "t", attribute.blob(5))) };
    case attributeTypes.graph:
      return { graph: decodeGraph(required(attribute, "g", attribute.blob(6))) };
    case attributeTypes.floats:
      return { floats: attribute.floats(7) };
    case attributeTypes.ints:
      return attribute.ints(8);
    default: {
      const kinds = Object.entries(attributeTypes).map(([kind, code]) => `${code} (${kind})`);
      throw onnxUnsupported(attribute.name, `type ${type}`, kinds.join(", "));
    }
  }
}

function decodeTensor(bytes: Uint8Array): OnnxTensor {
  const message = readMessage(bytes, tensorProto);
  const name = message.text(8) ?? "";
  const shape = message.ints(1);
  const dtype = dtypeOf(message, message.int(2));
  const raw = message.blob(9) ?? new Uint8Array(0);
  const { array } = dtypes[dtype];
  const expected = sizeOf(shape) * array.BYTES_PER_ELEMENT;
  if (shape.some((dim) => dim < 0) || raw.length !== expected) {
    const given = `${dtype} [${shape.join(", ")}] in ${raw.length} bytes of raw_data`;
    throw onnxTensor(name, given, "raw_data of as many bytes as the shape and dtype take");
  }
  return { name, dtype, shape, data: new array(new Uint8Array(raw).buffer) };
}

function decodeValueInfo(bytes: Uint8Array): OnnxValueInfo {
  const value = readMessage(bytes, valueInfoProto);
  const name = required(value, "name", value.text(1));
  const type = readMessage(required(value, "type", value.blob(2)), typeProto);
  const tensor = readMessage(required(type, "tensor_type", type.blob(1)), tensorTypeProto);
  const shape = readMessage(required(tensor, "shape", tensor.blob(2)), shapeProto);
  const dims = shape.blobs(1).map((bytes) => {
    const dimension = readMessage(bytes, dimensionProto);
    return required(dimension, "dim_value", dimension.int(1));
  });
  return { name, dtype: dtypeOf(tensor, tensor.int(1)), shape: dims };
}

function dtypeOf(message: Message, code: number | undefined): OnnxDType {
  const dtype = dtypeNames.find((name) => dtypes[name].code === code);
  if (dtype === undefined) throw onnxDType(message.name, code ?? "missing", dtypeNames);
  return dtype;
}

function required<Value>(message: Message, field: string, value: Value | undefined): Value {
  if (value === undefined) throw onnxMalformed(message.name, `no ${field}`);
  return value;
}

import type {
  OnnxAttribute,
  OnnxDType,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from "../../src/onnx/proto.ts";
import { sizeOf } from "../../src/util/tensor.ts";
import { type Message, type MessageType, readMessage } from "./read-message.ts";

// Codes and field numbers are those of onnx.proto, written down a second time so that a slip in the encoder shows.

const dtypes = {
  float32: { code: 1, array: Float32Array },
  float64: { code: 11, array: Float64Array },
  int32: { code: 6, array: Int32Array },
  int64: { code: 7, array: BigInt64Array },
  bool: { code: 9, array: Uint8Array },
} as const;
const dtypeNames = Object.keys(dtypes) as readonly OnnxDType[];
const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;

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
 * for damaged bytes, and for what an OnnxModel cannot express (functions, sparse or external data, symbolic shapes).
 */
export function decodeModel(bytes: Uint8Array): Required<OnnxModel> {
  const model = readMessage(bytes, modelProto);
  const graph = decodeGraph(required(model, "graph", model.blob(7)));
  const opsets = model.blobs(8).map((opset) => readMessage(opset, opsetProto));
  if (opsets.length === 0) throw new Error(`${model.name}: no opset_import`);
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
      throw new Error(`${attribute.name}: type ${type}`);
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
    throw new Error(`tensor ${name}: ${dtype} [${shape.join(", ")}] in ${raw.length} bytes of raw_data`);
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
  if (dtype === undefined) throw new Error(`${message.name}: element type ${code}`);
  return dtype;
}

function required<Value>(message: Message, field: string, value: Value | undefined): Value {
  if (value === undefined) throw new Error(`${message.name}: no ${field}`);
  return value;
}

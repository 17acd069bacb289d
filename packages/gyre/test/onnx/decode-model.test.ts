// The reader that the other tests trust.
import { expect, test } from "vitest";
import { encodeModel, type OnnxModel } from "../../src/onnx/proto.ts";
import { decodeModel } from "./decode-model.ts";

const model: OnnxModel = {
  nodes: [
    {
      opType: "Gemm",
      inputs: ["x", "w"],
      outputs: ["y"],
      attributes: { alpha: { float: 0.5 }, transA: 1, mode: "plain" },
    },
  ],
  initializers: [{ name: "w", dtype: "float32", shape: [2, 1], data: new Float32Array([1, 2]) }],
  inputs: [{ name: "x", dtype: "float32", shape: [2, 2] }],
  outputs: [{ name: "y", dtype: "float32", shape: [2, 1] }],
};

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing was thrown";
}

const field = (number: number, ...content: number[]) => [number * 8 + 2, content.length, ...content];
const text = (value: string) => [...new TextEncoder().encode(value)];
const opset = field(8, 0x10, 21);
const withGraph = (...content: number[]) => Uint8Array.from([0x08, 10, ...field(7, ...content), ...opset]);
const withAttribute = (...content: number[]) =>
  withGraph(...field(1, ...field(4, ...text("Op")), ...field(5, ...field(1, ...text("a")), ...content)));
const withTensor = (...content: number[]) => withGraph(...field(5, ...content));
const withInput = (...type: number[]) =>
  withGraph(...field(11, ...field(1, ...text("x")), ...field(2, ...type)));
const decodingError = (bytes: ArrayLike<number>) => messageOf(() => decodeModel(Uint8Array.from(bytes)));

test("every prefix of a model is refused", () => {
  const bytes = encodeModel(model);
  for (let length = 0; length < bytes.length; length++) {
    expect(decodingError(bytes.subarray(0, length))).toMatch(/^\w+: /);
  }
});

test("a text file is refused", () => {
  expect(decodingError(text("version https://git-lfs.github.com/spec/v1"))).toMatch(/^ModelProto/);
});

test.each([
  ["no graph", [], /ModelProto: no graph/],
  ["no opset", [0x08, 10, ...field(7)], /ModelProto: no opset_import/],
  ["no ir version", [...field(7), ...opset], /ModelProto: no ir_version/],
  ["two graphs", [0x08, 10, ...field(7), ...field(7), ...opset], /ModelProto: field 7 stands 2 times/],
  ["a graph that is a number", [0x38, 1], /ModelProto: field 7 holds no bytes/],
  ["a version that is a float", [0x0d, 0, 0, 0, 0, ...field(7), ...opset], /field 1 holds no whole number/],
  ["a length beyond the end", [0x3a, 5, 0], /ModelProto: a field of 5 bytes where 1 are left/],
  ["a negative length", [0x3a, ...Array(9).fill(255), 1], /ModelProto: a field of -1 bytes/],
  ["a group", [0x3b], /ModelProto: wire type 3 before byte 1/],
  ["an endless number", [0x08, ...Array(10).fill(255)], /a number of more than 10 bytes/],
  ["a cut number", [0x08, 255], /ModelProto: a number that is cut short/],
  ["a name that is not UTF-8", withGraph(...field(2, 255)), /GraphProto: the text in field 2 is not UTF-8/],
  ["a node without operation", withGraph(...field(1)), /NodeProto: no op_type/],
  ["a float that is a number", withAttribute(0x10, 1, 0xa0, 1, 1), /AttributeProto: field 2 holds no float$/],
  ["floats cut short", withAttribute(...field(7, 0, 0), 0xa0, 1, 6), /field 7 holds no floats$/],
  ["a tensor attribute without tensor", withAttribute(0xa0, 1, 4), /AttributeProto: no t$/],
  ["an input without type", withGraph(...field(11, ...field(1, 120))), /ValueInfoProto: no type/],
  ["an input of unknown rank", withInput(...field(1, 0x08, 1)), /TypeProto.Tensor: no shape/],
])("damage: %s", (_, bytes, message) => {
  expect(decodingError(bytes)).toMatch(message);
});

test.each([
  ["a function", [0xca, 0x01, 0], /ModelProto: field 25/],
  ["a sparse initializer", withGraph(...field(15)), /GraphProto: field 15/],
  ["external data", withTensor(0x08, 0, ...field(13)), /TensorProto: field 13/],
  [
    "a symbolic dimension",
    withInput(...field(1, 0x08, 1, ...field(2, ...field(1, ...field(2, 66))))),
    /field 2/,
  ],
  ["graphs", withAttribute(0xa0, 1, 10), /AttributeProto: type 10/],
  [
    "a huge number",
    withAttribute(0x18, ...Array(8).fill(255), 127, 0xa0, 1, 2),
    /the number 9223372036854775807/,
  ],
])("valid ONNX that a model here cannot express: %s", (_, bytes, message) => {
  expect(decodingError(bytes)).toMatch(message);
});

test("an element type without an array", () => {
  expect(decodingError(withTensor(0x10, 10))).toMatch(/^TensorProto: element type 10/);
});

test("a stored tensor whose bytes do not fill its shape", () => {
  expect(
    decodingError(withTensor(0x08, 2, 0x10, 1, ...field(8, ...text("w")), ...field(9, 0, 0, 0, 0))),
  ).toMatch(/^tensor w: float32 \[2\] in 4 bytes of raw_data/);
});

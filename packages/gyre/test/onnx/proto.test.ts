import fc from "fast-check";
import { expect, test } from "vitest";
import {
  encodeModel,
  type OnnxAttribute,
  type OnnxDType,
  type OnnxModel,
  type OnnxTensor,
} from "../../src/onnx/proto.ts";
import { decodeModel } from "./decode-model.ts";

const empty: OnnxModel = { nodes: [], initializers: [], inputs: [], outputs: [] };
const text = (value: string) => [...new TextEncoder().encode(value)];
/** A length-delimited field, for contents below 128 bytes. */
const field = (number: number, ...content: number[]) => [number * 8 + 2, content.length, ...content];

test("the bytes of a tiny model are those that protobuf prescribes", () => {
  const model: OnnxModel = {
    name: "g",
    nodes: [{ opType: "Softmax", inputs: ["x"], outputs: ["y"], attributes: { axis: -1 } }],
    initializers: [{ name: "w", dtype: "float32", shape: [1], data: new Float32Array([1]) }],
    inputs: [{ name: "x", dtype: "int64", shape: [2, 300] }],
    outputs: [{ name: "y", dtype: "bool", shape: [] }],
  };
  const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
  const axis = [...field(1, ...text("axis")), 0x18, ...minusOne, 0xa0, 0x01, 2];
  const node = [
    ...field(1, ...text("x")),
    ...field(2, ...text("y")),
    ...field(4, ...text("Softmax")),
    ...field(5, ...axis),
  ];
  const initializer = [0x08, 1, 0x10, 1, ...field(8, ...text("w")), ...field(9, 0, 0, 0x80, 0x3f)];
  const shape = [...field(1, 0x08, 2), ...field(1, 0x08, 0xac, 0x02)];
  const graph = [
    ...field(1, ...node),
    ...field(2, ...text("g")),
    ...field(5, ...initializer),
    ...field(11, ...field(1, ...text("x")), ...field(2, ...field(1, 0x08, 7, ...field(2, ...shape)))),
    ...field(12, ...field(1, ...text("y")), ...field(2, ...field(1, 0x08, 9, ...field(2)))),
  ];
  const expected = [0x08, 10, ...field(7, ...graph), ...field(8, ...field(1), 0x10, 21)];
  expect([...encodeModel(model)]).toEqual(expected);
});

const arrays = {
  float32: fc.float32Array({ maxLength: 6 }),
  float64: fc.float64Array({ maxLength: 6 }),
  int32: fc.int32Array({ maxLength: 6 }),
  int64: fc.bigInt64Array({ maxLength: 6 }),
  bool: fc.uint8Array({ max: 1, maxLength: 6 }),
};
const name = fc.string({ unit: "grapheme" });
const dtype = fc.constantFrom(...(Object.keys(arrays) as OnnxDType[]));
const tensor: fc.Arbitrary<OnnxTensor> = dtype.chain((dtype) =>
  fc
    .tuple(name, arrays[dtype])
    .chain(([name, data]) =>
      fc.constantFrom([data.length], [1, data.length, 1]).map((shape) => ({ name, dtype, shape, data })),
    ),
);
const scalar: OnnxTensor = { name: "s", dtype: "int64", shape: [], data: new BigInt64Array([-(2n ** 63n)]) };
const integer = fc.maxSafeInteger();
const float = fc.float();
const attribute: fc.Arbitrary<OnnxAttribute> = fc.oneof(
  integer,
  name,
  fc.array(integer),
  float.map((float) => ({ float })),
  fc.array(float).map((floats) => ({ floats })),
  tensor.map((tensor) => ({ tensor })),
  fc.constant({ tensor: scalar }),
);
const valueInfo = fc.record({ name, dtype, shape: fc.array(fc.nat()) });
const node = fc.record(
  {
    opType: name,
    domain: fc.string({ minLength: 1 }),
    name: fc.string({ minLength: 1 }),
    inputs: fc.array(name),
    outputs: fc.array(name),
    attributes: fc.dictionary(name, attribute, { minKeys: 1 }),
  },
  { requiredKeys: ["opType", "inputs", "outputs"] },
);
const model = fc.record({
  irVersion: fc.nat(),
  opset: fc.dictionary(name, fc.nat(), { minKeys: 1 }),
  name,
  nodes: fc.array(node),
  initializers: fc.array(tensor),
  inputs: fc.array(valueInfo),
  outputs: fc.array(valueInfo),
});

test("decoding gives back what was encoded", () => {
  fc.assert(
    fc.property(model, (model) => {
      const bytes = encodeModel(model);
      const decoded = decodeModel(bytes);
      expect(decoded).toEqual(model);
      expect(Buffer.compare(encodeModel(decoded), bytes)).toBe(0);
    }),
  );
});

test("what is left out of a model is filled in", () => {
  const decoded = decodeModel(encodeModel(empty));
  expect(decoded).toEqual({ ...empty, irVersion: 10, opset: { "": 21 }, name: "graph" });
});

test("tensors that are views, and bytes that are views, are read at the right place", () => {
  const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
  const bytes = encodeModel({ ...empty, initializers: [{ name: "w", dtype: "float32", shape: [2], data }] });
  const padded = Buffer.concat([Buffer.from([0]), bytes, Buffer.from([0])]).subarray(1, bytes.length + 1);
  const [decoded] = decodeModel(padded).initializers;
  padded.fill(0);
  expect(decoded?.data).toEqual(new Float32Array([1, 2]));
});

test("numbers in packed form and typed empty fields are understood", () => {
  const attribute = (type: number, ...content: number[]) =>
    field(5, ...field(1, ...text("a")), ...content, 0xa0, 0x01, type);
  const nodes = [
    attribute(7, ...field(8, 1, 0xac, 0x02)),
    attribute(6, ...field(7, 0, 0, 0x80, 0x3f)),
    attribute(2),
  ];
  const graph = nodes.flatMap((content) => field(1, ...field(4, ...text("Op")), ...content));
  const bytes = Uint8Array.from([0x08, 8, ...field(7, ...graph), ...field(8, 0x10, 13)]);
  const decoded = decodeModel(bytes);
  expect(decoded.opset).toEqual({ "": 13 });
  expect(decoded.nodes.map((node) => node.attributes)).toEqual([
    { a: [1, 300] },
    { a: { floats: [1] } },
    { a: 0 },
  ]);
});

test("a model of 10,000 nodes and many weights goes around whole", () => {
  const weights = new Float32Array(4_000_000).fill(0.5);
  const nodes = Array.from({ length: 10_000 }, (_, index) => ({
    opType: "Relu",
    inputs: [`v${index}`],
    outputs: [`v${index + 1}`],
  }));
  const initializers: OnnxTensor[] = [{ name: "v0", dtype: "float32", shape: [2000, 2000], data: weights }];
  const bytes = encodeModel({ ...empty, nodes, initializers });
  expect(bytes.length).toBeGreaterThan(16_000_000);
  const decoded = decodeModel(bytes);
  expect(decoded.nodes.at(-1)).toEqual(nodes.at(-1));
  expect(
    Buffer.from(decoded.initializers[0]?.data.buffer as ArrayBuffer).equals(Buffer.from(weights.buffer)),
  ).toBe(true);
});

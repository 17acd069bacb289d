import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { encodeModel, type OnnxModel } from "../../src/onnx/proto.ts";
import { decodeModel } from "./decode-model.ts";

/** y = sum over the last axis of gemm(relu(x w + b) transposed, v, c) */
const model: OnnxModel = {
  name: "tiny",
  inputs: [{ name: "x", dtype: "float32", shape: [2, 3] }],
  initializers: [
    { name: "w", dtype: "float32", shape: [3, 2], data: new Float32Array([1, -1, 2, 0, 0, 3]) },
    { name: "b", dtype: "float32", shape: [2], data: new Float32Array([0.5, -20]) },
    { name: "v", dtype: "float32", shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) },
    { name: "c", dtype: "float32", shape: [2], data: new Float32Array([10, 20]) },
    { name: "axes", dtype: "int64", shape: [1], data: new BigInt64Array([-1n]) },
  ],
  nodes: [
    { opType: "MatMul", inputs: ["x", "w"], outputs: ["xw"] },
    { opType: "Add", inputs: ["xw", "b"], outputs: ["sum"] },
    { opType: "Relu", inputs: ["sum"], outputs: ["h"] },
    {
      opType: "Gemm",
      inputs: ["h", "v", "c"],
      outputs: ["g"],
      attributes: { transA: 1, alpha: { float: 0.5 } },
    },
    { opType: "ReduceSum", inputs: ["g", "axes"], outputs: ["y"], attributes: { keepdims: 0 } },
  ],
  outputs: [{ name: "y", dtype: "float32", shape: [2] }],
};

test.each([
  ["as encoded", encodeModel(model)],
  ["encoded, decoded and encoded again", encodeModel(decodeModel(encodeModel(model)))],
])("onnxruntime runs a model %s", async (_, bytes) => {
  const session = await InferenceSession.create(bytes);
  const x = new Tensor("float32", new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
  const { y } = await session.run({ x });
  // x w + b = [[5.5, -12], [14.5, -6]]; relu, transposed: [[5.5, 14.5], [0, 0]]
  // gemm: 0.5 [[5.5 + 43.5, 11 + 58], [0, 0]] + [10, 20] = [[34.5, 54.5], [10, 20]]
  expect(y?.data).toEqual(new Float32Array([89, 30]));
  expect(y?.dims).toEqual([2]);
  await session.release();
});

test("onnxruntime runs every element type and every kind of attribute", async () => {
  const constant = (name: string, data: Float64Array | Int32Array, dtype: "float64" | "int32") => ({
    opType: "Constant",
    inputs: [],
    outputs: [name],
    attributes: { value: { tensor: { name: "", dtype, shape: [data.length], data } } },
  });
  const bytes = encodeModel({
    inputs: [],
    initializers: [{ name: "mask", dtype: "bool", shape: [2], data: new Uint8Array([1, 0]) }],
    nodes: [
      constant("doubles", new Float64Array([0.1, 0.2]), "float64"),
      constant("ints", new Int32Array([-7, 8]), "int32"),
      { opType: "Cast", inputs: ["ints"], outputs: ["cast"], attributes: { to: 11 } },
      { opType: "Where", inputs: ["mask", "doubles", "cast"], outputs: ["mixed"] },
      {
        opType: "Constant",
        inputs: [],
        outputs: ["floats"],
        attributes: { value_floats: { floats: [1.5, 2] } },
      },
      { opType: "Constant", inputs: [], outputs: ["shape"], attributes: { value_ints: [2, 1] } },
      { opType: "Reshape", inputs: ["floats", "shape"], outputs: ["column"] },
      { opType: "Einsum", inputs: ["column"], outputs: ["row"], attributes: { equation: "ij->ji" } },
    ],
    outputs: [
      { name: "mixed", dtype: "float64", shape: [2] },
      { name: "row", dtype: "float32", shape: [1, 2] },
    ],
  });
  const session = await InferenceSession.create(bytes);
  const { mixed, row } = await session.run({});
  expect(mixed?.data).toEqual(new Float64Array([0.1, 8]));
  expect(row?.data).toEqual(new Float32Array([1.5, 2]));
  expect(row?.dims).toEqual([1, 2]);
  await session.release();
});

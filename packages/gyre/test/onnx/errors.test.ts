import { expect, test } from "vitest";
import { encodeModel, type OnnxModel, type OnnxTensor } from "../../src/onnx/proto.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const weight: OnnxTensor = { name: "w", dtype: "float32", shape: [2, 1], data: new Float32Array([1, 2]) };
const model: OnnxModel = {
  nodes: [
    {
      opType: "Gemm",
      inputs: ["x", "w"],
      outputs: ["y"],
      attributes: { alpha: { float: 0.5 }, transA: 1, mode: "plain" },
    },
  ],
  initializers: [weight],
  inputs: [{ name: "x", dtype: "float32", shape: [2, 2] }],
  outputs: [{ name: "y", dtype: "float32", shape: [2, 1] }],
};
const encodingError = (part: Partial<OnnxModel>) => errorOf(() => encodeModel({ ...model, ...part })).message;
const withInitializer = (tensor: Partial<OnnxTensor>) =>
  encodingError({ initializers: [{ ...weight, ...tensor }] });

test("a tensor whose data does not belong to its dtype or shape", () => {
  expect(withInitializer({ dtype: "int64" })).toMatch(
    /^ONNX_TENSOR: tensor "w": int64 in a Float32Array\n {2}expected: BigInt64Array/,
  );
  expect(withInitializer({ shape: [3] })).toMatch(/^ONNX_TENSOR: tensor "w": 2 elements\n {2}.*\[3\]/);
  expect(withInitializer({ shape: [-2, -1] })).toMatch(
    /^ONNX_TENSOR: tensor "w": 2 elements\n {2}.*\[-2, -1\]/,
  );
});

test("a fraction where a whole number belongs", () => {
  const node = { opType: "Elu", inputs: ["x"], outputs: ["y"], attributes: { alpha: 0.5 } };
  expect(encodingError({ nodes: [node] })).toMatch(
    /^ONNX_INTEGER: 0.5 .*\n.*\n {2}fix: .*\{ float: value \}/,
  );
  expect(encodingError({ irVersion: Number.NaN })).toMatch(/^ONNX_INTEGER: NaN /);
});

test("a model beyond 2 GiB is refused before memory is taken for it", () => {
  const data = new Uint8Array(2 ** 28);
  const initializers = Array.from({ length: 8 }, (_, index): OnnxTensor => {
    return { name: `w${index}`, dtype: "bool", shape: [data.length], data };
  });
  expect(encodingError({ initializers })).toMatch(/^ONNX_TOO_LARGE: a model of 21474\d+ bytes/);
});

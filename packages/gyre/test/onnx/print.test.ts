import { expect, test } from "vitest";
import { encodeModel } from "../../src/onnx/proto.ts";
import { repeatModel } from "../../src/onnx/repeat.ts";
import { decodeModel } from "./decode-model.ts";
import { printModel } from "./print-model.ts";

test("a model as text", () => {
  const text = printModel({
    name: "step",
    opset: { "": 21, "com.microsoft": 1 },
    inputs: [{ name: "x", dtype: "float32", shape: [2, 3] }],
    initializers: [
      {
        name: "layer.0/w",
        dtype: "float32",
        shape: [3, 4],
        data: Float32Array.from({ length: 12 }, (_, i) => i / 10),
      },
      { name: "axes", dtype: "int64", shape: [1], data: new BigInt64Array([-1n]) },
      { name: "two words", dtype: "bool", shape: [], data: new Uint8Array([1]) },
    ],
    nodes: [
      { opType: "MatMul", inputs: ["x", "layer.0/w"], outputs: ["h"] },
      { opType: "Clip", inputs: ["h", "", "two words"], outputs: ["c", ""] },
      {
        opType: "FusedGemm",
        domain: "com.microsoft",
        inputs: ["c"],
        outputs: ["g"],
        attributes: {
          transA: 1,
          alpha: { float: 1 },
          beta: { float: 0.1 },
          activation: "Relu",
          pads: [0, 1],
          scales: { floats: [2, 0.5] },
          value: { tensor: { name: "", dtype: "float64", shape: [1], data: new Float64Array([1 / 3]) } },
        },
      },
      { opType: "ReduceSum", inputs: ["g", "axes"], outputs: ["y"] },
    ],
    outputs: [{ name: "y", dtype: "float32", shape: [2, 1] }],
  });
  expect(text).toMatchInlineSnapshot(`
    "model "step" (ir 10, ai.onnx 21, com.microsoft 1)
    input %x: float32[2, 3]
    initializer %layer.0/w: float32[3, 4] {0, 0.1, 0.2, 0.3, ...}
    initializer %axes: int64[1] {-1}
    initializer %"two words": bool[] {1}
    %h = MatMul(%x[2, 3], %layer.0/w[3, 4])
    %c, _ = Clip(%h, _, %"two words"[])
    %g = com.microsoft.FusedGemm(%c, transA: 1, alpha: 1.0, beta: 0.1, activation: "Relu", pads: [0, 1], scales: [2.0, 0.5], value: float64[1] {0.3333})
    %y[2, 1] = ReduceSum(%g, %axes[1])
    output %y: float32[2, 1]"
  `);
});

test("a graph within a node", () => {
  const [x, step] = [
    { name: "x", dtype: "float32", shape: [2] },
    { name: "step", dtype: "float32", shape: [2] },
  ] as const;
  const body = {
    nodes: [
      { opType: "Mul", inputs: ["x", "scale"], outputs: ["gyre/v2"] },
      { opType: "Add", inputs: ["gyre/v2", "step"], outputs: ["out/x"] },
    ],
    initializers: [],
    inputs: [x, { name: "scale", dtype: "float32", shape: [1] }, step],
    outputs: [{ ...x, name: "out/x" }],
  } as const;
  const model = repeatModel(body, { times: 3, carried: ["x"], shared: ["scale"] });
  expect(decodeModel(encodeModel(model)).nodes).toEqual(model.nodes);
  expect(printModel(model)).toMatchInlineSnapshot(`
    "model "graph" (ir 10, ai.onnx 21)
    input %x: float32[2]
    input %step: float32[3, 2]
    input %scale: float32[1]
    %out/x[2] = Scan(%x[2], %step[3, 2], num_scan_inputs: 1, body: graph {
      input %each/x: float32[2]
      input %each/step: float32[2]
      %gyre/v2 = Mul(%each/x[2], %scale)
      %each/out/x[2] = Add(%gyre/v2, %each/step[2])
      output %each/out/x: float32[2]
    })
    output %out/x: float32[2]"
  `);
});

test("a graph that follows one within a node", () => {
  const x = { name: "x", dtype: "float32", shape: [2] } as const;
  const y = { ...x, name: "out/y" };
  const w = { name: "w", dtype: "float32", shape: [2], data: Float32Array.of(1, 2) } as const;
  const body = {
    nodes: [{ opType: "Mul", inputs: ["x", "w"], outputs: ["out/x"] }],
    initializers: [w],
    inputs: [x],
    outputs: [{ ...x, name: "out/x" }],
  };
  const epilogue = {
    opset: { "": 23 },
    nodes: [
      { opType: "Neg", inputs: ["x"], outputs: ["gyre/v1"] },
      { opType: "Add", inputs: ["gyre/v1", "w"], outputs: ["out/y"] },
    ],
    initializers: [w],
    inputs: [x],
    outputs: [y],
  };
  const model = repeatModel(body, { times: 2, carried: ["x"], shared: [] }, { epilogue });
  expect(printModel(model)).toMatchInlineSnapshot(`
    "model "graph" (ir 10, ai.onnx 23)
    input %x: float32[2]
    initializer %gyre/count: int32[2] {0, 0}
    initializer %epilogue/w: float32[2] {1, 2}
    %out/x[2] = Scan(%x[2], %gyre/count[2], num_scan_inputs: 1, body: graph {
      input %each/x: float32[2]
      input %each/gyre/count: int32[]
      initializer %w: float32[2] {1, 2}
      %each/out/x[2] = Mul(%each/x[2], %w[2])
      output %each/out/x: float32[2]
    })
    %epilogue/gyre/v1 = Neg(%out/x[2])
    %out/y[2] = Add(%epilogue/gyre/v1, %epilogue/w[2])
    output %out/x: float32[2]
    output %out/y: float32[2]"
  `);
});

test("an empty model prints the defaults", () => {
  const text = printModel({ nodes: [], initializers: [], inputs: [], outputs: [] });
  expect(text).toBe('model "graph" (ir 10, ai.onnx 21)');
});

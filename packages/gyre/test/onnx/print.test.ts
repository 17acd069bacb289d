import { expect, test } from "vitest";
import { printModel } from "../../src/onnx/print.ts";

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

test("an empty model prints the defaults", () => {
  const text = printModel({ nodes: [], initializers: [], inputs: [], outputs: [] });
  expect(text).toBe('model "graph" (ir 10, ai.onnx 21)');
});

import { GyreError } from "../util/errors.ts";

export function onnxInteger(value: number): GyreError {
  return new GyreError("ONNX_INTEGER", {
    given: `${value} where ONNX stores a whole number`,
    expected: `a whole number between ${Number.MIN_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`,
    fix: "round it, or wrap a float attribute as { float: value } or { floats: values }",
  });
}

export function onnxTensor(name: string, given: string, expected: string): GyreError {
  return new GyreError("ONNX_TENSOR", {
    given: `tensor ${JSON.stringify(name)}: ${given}`,
    expected,
    fix: "correct the shape, the dtype or the data of this tensor",
  });
}

export function onnxTooLarge(size: number, most: number): GyreError {
  return new GyreError("ONNX_TOO_LARGE", {
    given: `a model of ${size} bytes`,
    expected: `at most ${most} bytes, the limit of the format`,
    fix: "pass large weights as inputs of the graph; where a context is long, masks of attention take 2 bytes for every pair of its tokens: use a shorter one",
  });
}

export function notLowered(op: string): GyreError {
  return new GyreError("ONNX_FUSED", {
    given: `the fused operation ${op}`,
    expected: "a graph of plain operations",
    fix: "run prepareGraph on the graph before it is encoded",
  });
}

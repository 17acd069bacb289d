export { OnnxRuntime, openOnnxRuntime } from "./runtime/onnx.node.ts";

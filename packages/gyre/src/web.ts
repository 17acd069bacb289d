export { mostWebThreads, openWebRuntime, type WebRuntimeOptions } from "./runtime/onnx.web.ts";
export { type Host, OnnxRuntime, type SessionOptions } from "./runtime/session-runtime.ts";

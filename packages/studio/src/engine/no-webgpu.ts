// In the place of onnxruntime's build for WebGPU, which the studio never asks for.
export {};

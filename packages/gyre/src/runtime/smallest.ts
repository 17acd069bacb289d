import { GraphBuilder } from "../graph/builder.ts";
import { neg } from "../graph/ops.ts";
import { encodeGraph } from "../onnx/encode.ts";

/** A model of one operation, as ONNX: what opens a device, or starts a runtime, and is never run. */
export function smallestModel(): Uint8Array {
  const builder = new GraphBuilder();
  return encodeGraph(builder.graph({ y: neg(builder.input("x", [1])) }), { precision: "float32" });
}

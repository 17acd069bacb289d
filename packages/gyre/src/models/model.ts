import type { Runtime } from "../runtime/runtime.ts";
import type { Weights } from "../util/tensor.ts";
import type { Spec } from "./spec.ts";

/** A spec with weights on a runtime. */
export interface Model {
  readonly spec: Spec;
  readonly weights: Weights;
  readonly runtime: Runtime;
}

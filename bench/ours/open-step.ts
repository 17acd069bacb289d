import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../packages/gyre/src/runtime/session-runtime.ts";
import type { BenchConfig } from "../configs.ts";
import { type StepTuning, stepOn } from "./step-parts.ts";

/** A training step of gyre, ready to run. */
export interface Step {
  readonly runtime: OnnxRuntime;
  /** Runs one whole step (both runs, backward, clipping, AdamW) and returns its loss. */
  step(): Promise<number>;
}

/** A LoopFormer training step on one fixed random batch, with the short run fixed at L / 2, as the peer's. */
export async function openStep(
  config: BenchConfig,
  threads: number,
  { profile, ...blocks }: StepTuning = {},
): Promise<Step> {
  const runtime = await openOnnxRuntime({ threads, ...(profile ? { profile } : {}) });
  return { runtime, step: await stepOn(runtime, config, blocks) };
}

import * as z from "zod";
import type { Tensor } from "../util/tensor.ts";
import { checkpointCorrupt } from "./errors.ts";

// What the files of a run's checkpoints are called and say, on a disk or behind a URL.

/** Everything that a run needs to go on from one optimizer step. */
export interface RunCheckpoint {
  /** Optimizer steps done. */
  readonly step: number;
  /** Weights by name. */
  readonly model: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly optimizer: ReadonlyMap<string, Tensor<Float32Array>>;
  /** Moving averages of the weights, where training keeps them. */
  readonly ema?: ReadonlyMap<string, Tensor<Float32Array>> | undefined;
}

export const pointerFile = "latest";
/** Names the checkpoint that was best on held-out data; a run that never measured has none. */
export const bestFile = "best";
export const modelFile = "model.safetensors";
export const optimizerFile = "optimizer.safetensors";
export const emaFile = "ema.safetensors";
export const stateFile = "state.json";

const namePattern = /^step-(\d{6,})(\.old)?$/;

const stateSchema = z.strictObject({
  step: z.int().nonnegative(),
  sha256: z.strictObject({
    [modelFile]: z.string(),
    [optimizerFile]: z.string(),
    [emaFile]: z.string().optional(),
  }),
  /** Written by earlier versions, always null. */
  state: z.null().optional(),
});

export const checkpointName = (step: number): string => `step-${String(step).padStart(6, "0")}`;

export const isCheckpointName = (name: string): boolean => namePattern.test(name);

export const stepOf = (name: string): number => Number(namePattern.exec(name)?.[1]);

/** What the state.json of the checkpoint `name` says. Throws CHECKPOINT_CORRUPT, naming `path`. */
export function parseState(text: string, name: string, path: string): z.output<typeof stateSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw checkpointCorrupt(path, ["not JSON"]);
  }
  const result = stateSchema.safeParse(json);
  if (!result.success) throw checkpointCorrupt(path, ["not the state of a checkpoint"]);
  if (result.data.step !== stepOf(name))
    throw checkpointCorrupt(path, [`the state of step ${result.data.step}`]);
  return result.data;
}

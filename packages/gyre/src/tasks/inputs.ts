import type { Tensor } from "../util/tensor.ts";
import type { Prompts } from "./task.ts";

/** Prompts as the inputs of a graph over them: `prompts` [B, T, width] and `targets` [B, R, outputs]. */
export function promptInputs({
  tokens,
  targets,
  batch,
  length,
  width,
  outputs,
  readAt,
}: Prompts): [string, Tensor][] {
  return [
    ["prompts", { data: tokens, shape: [batch, length, width] }],
    ["targets", { data: targets, shape: [batch, readAt.length, outputs] }],
  ];
}

import type { Prompts } from "./task.ts";

/** Examples of a batch of prompts: `inputs` [B, n, dims] and `labels` [B, n, outputs]. */
export interface Examples {
  readonly batch: number;
  readonly points: number;
  readonly dims: number;
  readonly outputs: number;
  readonly inputs: Float32Array;
  readonly labels: Float32Array;
}

/**
 * Prompts x_1, y_1, x_2, y_2, ... of 2 n tokens, labels and inputs padded with zeros to one width; y_i is to be
 * predicted at x_i, which sees the i - 1 examples before it (Looped Transformer code, `_combine`).
 */
export function interleave({ batch, points, dims, outputs, inputs, labels }: Examples): Prompts {
  const width = Math.max(dims, outputs);
  const tokens = new Float32Array(batch * 2 * points * width);
  for (let row = 0; row < batch * points; row++) {
    tokens.set(inputs.subarray(row * dims, (row + 1) * dims), 2 * row * width);
    tokens.set(labels.subarray(row * outputs, (row + 1) * outputs), (2 * row + 1) * width);
  }
  const readAt = Array.from({ length: points }, (_, point) => 2 * point);
  return { tokens, targets: labels, batch, length: 2 * points, width, outputs, readAt };
}

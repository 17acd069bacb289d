import type { CallShape } from "../models/decoding.ts";
import type { FloatData } from "../util/tensor.ts";

// Sizes of calls, and what is written into their buffers.

/** Added to the scores of positions that a token may not see; exp of it is exactly zero. */
const MASKED = -1e9;

/** A call of the core for some loops in a row. */
export interface LoopsShape extends CallShape {
  readonly loops: number;
  /** Whether the head follows them in the same call. */
  readonly reads: boolean;
}

/** What one sequence's loops are told, [loops, S T or 1, 4 k d]. */
export function fillModulation(
  into: FloatData,
  { sequences, tokens }: LoopsShape,
  sequence: number,
  modulations: readonly (FloatData | undefined)[],
): void {
  const rows = sequences === 1 ? 1 : tokens;
  for (const [loop, modulation] of modulations.entries()) {
    const { length } = modulation as FloatData;
    for (let row = 0; row < rows; row++)
      into.set(modulation as FloatData, ((loop * sequences + sequence) * rows + row) * length);
  }
}

/** Cached positions before `position`, then the new tokens up to each one's own. */
export function fillMask(
  mask: FloatData,
  shape: CallShape,
  sequence: number,
  position: number,
  count: number,
): void {
  const { tokens, cached } = shape;
  const rowLength = cached + tokens;
  for (let row = 0; row < tokens; row++) {
    const start = (sequence * tokens + row) * rowLength;
    mask.fill(MASKED, start, start + rowLength);
    mask.fill(0, start, start + Math.min(position, cached));
    mask.fill(0, start + cached, start + cached + Math.min(row, count - 1) + 1);
  }
}

/** The rows of a matrix, in place. */
export const rowsOf = (matrix: FloatData, width: number): FloatData[] =>
  Array.from({ length: matrix.length / width }, (_, row) => matrix.subarray(row * width, (row + 1) * width));

/** The smallest power of `base` that is at least `size`. */
export function roundUp(size: number, base: 2 | 4): number {
  let power = 1;
  while (power < size) power *= base;
  return power;
}

/** Positions that a cache is made for, in eighths of the context: all of it is read in every call. */
export function capacityFor(positions: number, context: number): number {
  const step = Math.ceil(context / 8);
  return Math.min(context, Math.ceil(positions / step) * step);
}

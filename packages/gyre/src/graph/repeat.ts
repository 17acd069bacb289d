import type { Graph, Shape } from "./types.ts";

/**
 * A graph that runs several times in one call, over one copy of its weights. Inputs and outputs that are neither
 * carried nor shared have an axis of length `times` in front: each time reads and writes its own slice.
 */
export interface Repeat {
  readonly times: number;
  /** Names of an input and an output: each time starts from what the one before left. */
  readonly carried: readonly string[];
  /** Inputs that every time reads whole. */
  readonly shared: readonly string[];
  /** What runs once after the last time: it reads carried values by their names, and its outputs join the others. */
  readonly epilogue?: Graph;
}

/** Whether a name has an axis of `times` in front. */
export const isSliced = ({ carried, shared }: Repeat, name: string): boolean =>
  !carried.includes(name) && !shared.includes(name);

/** The shape of an input or output of a graph that may be repeated. */
export const repeatedShape = (repeat: Repeat | undefined, name: string, shape: Shape): Shape =>
  repeat && isSliced(repeat, name) ? [repeat.times, ...shape] : shape;

import { type FloatData, type Precision, zeros } from "../util/tensor.ts";
import type { KeyValueCache } from "./cache.ts";

// Shapes: T tokens, d width, k core layers.

/** A trajectory as the decoder runs it: what each loop is told, [4 k d] a loop. */
export interface Route {
  readonly loops: number;
  readonly modulations: readonly (FloatData | undefined)[];
}

/** One text that is being decoded. */
export interface Sequence {
  readonly cache: KeyValueCache;
  /** Positions that are cached, in every loop of the route. */
  length: number;
}

/** New tokens of one sequence on their way through the model. */
export interface Passage {
  readonly sequence: Sequence;
  readonly route: Route;
  /** Where the first of them stands. */
  readonly position: number;
  readonly tokens: ArrayLike<number>;
  /** Loops that they have run. */
  loops: number;
  /** States [T, d] after these loops; none before the tokens have entered. */
  states: FloatData | undefined;
  /** What enters every loop again [T, d], where loops are left that read it. */
  embedding: FloatData | undefined;
}

/** Rows, one below the other. */
export function stacked(rows: readonly FloatData[], precision: Precision): FloatData {
  const all = zeros(
    precision,
    rows.reduce((sum, { length }) => sum + length, 0),
  );
  let start = 0;
  for (const row of rows) {
    all.set(row, start);
    start += row.length;
  }
  return all;
}

/** Neighbouring passages of one sequence, which have run equally many loops, as one. */
export function joined(passages: readonly Passage[], precision: Precision): Passage {
  const [first] = passages as [Passage];
  return {
    ...first,
    tokens: passages.flatMap(({ tokens }) => Array.from(tokens)),
    states: stacked(
      passages.flatMap(({ states }) => states ?? []),
      precision,
    ),
    embedding: stacked(
      passages.flatMap(({ embedding }) => embedding ?? []),
      precision,
    ),
  };
}

/** The rows of a matrix, in place. */
export const rowsOf = (matrix: FloatData, width: number): FloatData[] =>
  Array.from({ length: matrix.length / width }, (_, row) => matrix.subarray(row * width, (row + 1) * width));

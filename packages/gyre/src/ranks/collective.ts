/**
 * The processes that train one run together. Every operation is called by all ranks, in the same order, and returns
 * when all have taken part; sums are made in the same order every time, so that a run repeats bit for bit.
 */
export interface Collective {
  /** This process's number, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** Adds up `data` of all ranks, element by element and in place. */
  sum(data: Float32Array | Float64Array): void | Promise<void>;
  /** Gives every rank the bytes of rank 0, in place; all have as many. */
  broadcast(data: Uint8Array): void | Promise<void>;
  /** Waits for all ranks. */
  barrier(): void | Promise<void>;
  /** Ends every rank at once; for a rank that cannot go on. */
  abort(exitCode: number): never;
  /** Leaves the group, once all ranks are about to. */
  close(): void;
}

/** The collective of a process on its own: nothing to add up, nobody to wait for. */
export const alone: Collective = {
  rank: 0,
  size: 1,
  sum: () => undefined,
  broadcast: () => undefined,
  barrier: () => undefined,
  abort: (exitCode) => {
    throw new Error(`aborted with exit code ${exitCode}`);
  },
  close: () => undefined,
};

/** The share of `count` things that a rank takes: as equal as can be, in order, none twice. */
export function shareOf(count: number, { rank, size }: Pick<Collective, "rank" | "size">): number[] {
  const start = Math.floor((rank * count) / size);
  const end = Math.floor(((rank + 1) * count) / size);
  return Array.from({ length: end - start }, (_, index) => start + index);
}

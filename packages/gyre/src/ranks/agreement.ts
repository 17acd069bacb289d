import { checksumOf } from "../util/checksum.ts";
import type { Weights } from "../util/tensor.ts";
import type { Collective } from "./collective.ts";
import { ranksDiffer } from "./errors.ts";

/** The ranks for which something is so, from 0. All ranks ask together, and get the same answer. */
export async function ranksWhere(ranks: Collective, isSo: boolean): Promise<number[]> {
  if (ranks.size === 1) return isSo ? [0] : [];
  const flags = new Float64Array(ranks.size);
  flags[ranks.rank] = isSo ? 1 : 0;
  await ranks.sum(flags);
  return [...flags.keys()].filter((rank) => flags[rank] !== 0);
}

/** Gives every rank the value of rank 0, which JSON must be able to say; what the others pass is not looked at. */
export async function broadcastJson<Value>(ranks: Collective, value: Value): Promise<Value> {
  if (ranks.size === 1) return value;
  const own = new TextEncoder().encode(ranks.rank === 0 ? JSON.stringify(value) : "");
  const length = Uint32Array.of(own.length);
  await ranks.broadcast(new Uint8Array(length.buffer));
  const bytes = ranks.rank === 0 ? own : new Uint8Array(length[0] as number);
  await ranks.broadcast(bytes);
  return JSON.parse(new TextDecoder().decode(bytes)) as Value;
}

/** Checks that all ranks have the same text, such as a checksum. Throws RANKS_DIFFER on every rank, with those that do not. */
export async function requireSame(ranks: Collective, what: string, text: () => string): Promise<void> {
  if (ranks.size === 1) return;
  const own = text();
  const others = await ranksWhere(ranks, (await broadcastJson(ranks, own)) !== own);
  if (others.length > 0) throw ranksDiffer(what, others);
}

/** Checks that all ranks have the same weights. Throws RANKS_DIFFER, see `requireSame`. */
export const requireSameWeights = (ranks: Collective, whose: string, weights: Weights): Promise<void> =>
  requireSame(ranks, `the weights ${whose}`, () => checksumOf(weights));

/** What ranks take turns in, see `inTurns`. */
export interface Turns<Item> {
  readonly compute: (item: Item) => Promise<readonly number[]>;
  /** Told of every item in order, when this rank goes on to the next one. */
  readonly onPassed?: ((item: Item) => void) | undefined;
}

/**
 * The numbers that `compute` gives for each of `items`, in order, on every rank. Ranks take turns, so that each item is computed by one of
 * them, alone and as one process would: the numbers are those of one process. All ranks pass the same items.
 */
export async function inTurns<Item>(
  ranks: Collective,
  items: Iterable<Item>,
  { compute, onPassed }: Turns<Item>,
): Promise<number[][]> {
  const rows: (readonly number[])[] = [];
  for (const item of items) {
    rows.push(rows.length % ranks.size === ranks.rank ? await compute(item) : []);
    onPassed?.(item);
  }
  if (ranks.size === 1) return rows.map((row) => [...row]);
  const lengths = Float64Array.from(rows, ({ length }) => length);
  await ranks.sum(lengths);
  const all = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  const starts = Array.from(lengths, (length) => {
    at += length;
    return at - length;
  });
  for (const [index, row] of rows.entries()) all.set(row, starts[index] as number);
  await ranks.sum(all);
  return Array.from(lengths, (length, index) => [
    ...all.subarray(starts[index], (starts[index] as number) + length),
  ]);
}

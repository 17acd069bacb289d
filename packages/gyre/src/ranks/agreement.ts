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

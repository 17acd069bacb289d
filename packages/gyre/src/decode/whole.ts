import type { WholeShape } from "../models/decoding.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import { type Precision, type Tensor, zeros } from "../util/tensor.ts";
import { MASKED, roundUp } from "./calls.ts";
import type { Pack } from "./packs.ts";

/** A call that reads whole texts: its sizes, and what it reads. */
export interface WholeCall {
  readonly shape: WholeShape;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** One token of a pack. */
export interface PlaceInPack {
  readonly pack: number;
  readonly place: number;
}

/**
 * One call for some packs, and for what the head reads of some of their tokens. Sizes are in coarse steps; what only
 * fills the call up sees itself alone. Throws LOOPS or TRAJECTORY.
 */
export function wholeCall(
  spec: Spec,
  packs: readonly Pack[],
  wanted: readonly PlaceInPack[],
  { budget, precision }: { readonly budget: Budget; readonly precision: Precision },
): WholeCall {
  const { loops, t, dt } = conditions(spec, budget);
  const sequences = roundUp(packs.length, 2);
  const tokens = wholeLength(Math.max(...packs.map((pack) => pack.tokens.length)));
  const [ids, positions] = [new Int32Array(sequences * tokens), new Int32Array(sequences * tokens)];
  const mask = zeros(precision, sequences * tokens * tokens).fill(MASKED);
  for (let index = 0; index < sequences; index++) {
    const pack = packs[index];
    const start = index * tokens;
    ids.set(pack?.tokens ?? [], start);
    positions.set(pack?.positions ?? [], start);
    for (let place = 0; place < tokens; place++) {
      const row = (start + place) * tokens;
      const before = pack?.before[place] ?? -1;
      if (before >= 0) mask.copyWithin(row, (start + before) * tokens, (start + before + 1) * tokens);
      mask[row + place] = 0;
    }
  }
  const at = new Int32Array(roundUp(wanted.length, 2));
  for (const [index, { pack, place }] of wanted.entries()) at[index] = pack * tokens + place;
  const inputs = new Map<string, Tensor>([
    ["tokens", { data: ids, shape: [ids.length] }],
    ["positions", { data: positions, shape: [positions.length] }],
    ["mask", { data: mask, shape: [sequences, 1, tokens, tokens] }],
    ["wanted", { data: at, shape: [at.length] }],
    ["t", { data: t, shape: [loops] }],
    ["dt", { data: dt, shape: [loops] }],
  ]);
  return { shape: { sequences, tokens, loops, wanted: at.length }, inputs };
}

/** Lengths in eighths of a power of two, and at least eight apart: little is filled up, and few programs serve all. */
export function wholeLength(tokens: number): number {
  const step = Math.max(8, 2 ** Math.floor(Math.log2(Math.max(1, tokens - 1))) / 8);
  return Math.ceil(Math.max(1, tokens) / step) * step;
}

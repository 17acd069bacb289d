import type { Stretch } from "./stretches.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Stretches that are encoded together. */
export interface Batch {
  readonly stretches: readonly Stretch[];
  /** What is added to the tokens of prompts; nothing by default. */
  readonly promptBit?: number;
}

/** The tokens of a batch, one stretch after the other, with end of text after each document. */
export interface EncodedBatch {
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Of each stretch: its tokens, end of text included, and the bytes that they stand for. */
  readonly tokens: readonly number[];
  readonly bytes: readonly number[];
}

/** Encodes a batch. */
export function encodeBatch(tokenizer: Tokenizer, { stretches, promptBit = 0 }: Batch): EncodedBatch {
  const encoded = stretches.map(({ text }) => tokenizer.encode(text));
  const tokens = encoded.map((ids, at) => ids.length + (stretches[at]?.isLast ? 1 : 0));
  const bytes = encoded.map((ids) => {
    let sum = 0;
    for (const id of ids) sum += tokenizer.byteLength(id);
    return sum;
  });
  const all = new Uint32Array(tokens.reduce((sum, count) => sum + count, 0)).fill(tokenizer.endOfText);
  let at = 0;
  for (const [index, ids] of encoded.entries()) {
    all.set(stretches[index]?.isPrompt ? ids.map((id) => id + promptBit) : ids, at);
    at += tokens[index] ?? 0;
  }
  return { ids: all, tokens, bytes };
}

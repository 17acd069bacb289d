import { loadPackage } from "../util/packages.ts";
import { pieceEncoder } from "./pieces.ts";
import { assembleTokenizer, type Tokenizer } from "./tokenizer.ts";

const END_OF_TEXT_ID = 50256;

/**
 * GPT-2's tokenizer (50,257 ids; the ranks of `r50k_base` come from the gpt-tokenizer package, the encoder is
 * gyre's own). Throws PACKAGE_MISSING.
 */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  const load = () => import("gpt-tokenizer/bpeRanks/r50k_base");
  const { default: ranks } = await loadPackage("gpt-tokenizer", load);
  const encoder = new TextEncoder();
  const bytes = ranks.map((token) =>
    typeof token === "string" ? encoder.encode(token) : Uint8Array.from(token),
  );
  const ids = new Map(bytes.map((token, id) => [String.fromCharCode(...token), id]));
  const byteIds = Array.from({ length: 256 }, (_, byte) => ids.get(String.fromCharCode(byte)) as number);
  const append = pieceEncoder({
    byteIds,
    vocab: END_OF_TEXT_ID + 1,
    ranks: ranksOf(ids),
    merged: Int32Array.from(bytes, (_, id) => id),
  });
  return assembleTokenizer({ kind: "gpt2", endOfText: END_OF_TEXT_ID, bytes, append });
}

/** As in tiktoken, any two tokens merge that together are a token, whose id is the rank of the merge. */
function ranksOf(ids: ReadonlyMap<string, number>): Map<number, number> {
  const ranks = new Map<number, number>();
  for (const [token, id] of ids) {
    for (let cut = 1; cut < token.length; cut++) {
      const left = ids.get(token.slice(0, cut));
      const right = ids.get(token.slice(cut));
      if (left !== undefined && right !== undefined) ranks.set(left * (END_OF_TEXT_ID + 1) + right, id);
    }
  }
  return ranks;
}

import { loadPackage } from "../util/packages.ts";
import { BYTE_SYMBOLS, bpeText, type Merge } from "./bpe.ts";
import { pieceEncoder } from "./pieces.ts";
import { assembleTokenizer, type Tokenizer } from "./tokenizer.ts";

const END_OF_TEXT_ID = 50256;

/**
 * GPT-2's tokenizer (50,257 ids; the ranks of `r50k_base` come from the gpt-tokenizer package, the encoder is
 * gyre's own). Throws PACKAGE_MISSING.
 */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  const bytes = await loadTokens();
  const ids = idsOf(bytes);
  const byteIds = Array.from({ length: 256 }, (_, byte) => ids.get(String.fromCharCode(byte)) as number);
  const append = pieceEncoder({
    byteIds,
    vocab: END_OF_TEXT_ID + 1,
    ranks: ranksOf(ids),
    merged: Int32Array.from(bytes, (_, id) => id),
  });
  return assembleTokenizer({ kind: "gpt2", endOfText: END_OF_TEXT_ID, bytes, append });
}

/** The same as a Hugging Face `tokenizer.json`, for whoever has no package that holds it. Throws PACKAGE_MISSING. */
export async function gpt2Json(): Promise<string> {
  const ids = idsOf(await loadTokens());
  const symbolsOf = (token: string) =>
    Array.from(token, (byte) => BYTE_SYMBOLS[byte.charCodeAt(0)] as string).join("");
  const merges = [...ids].flatMap(([token, id]): Merge[] => {
    if (token.length === 1) return [];
    const [left, right] = partsOf(token, id, ids);
    return [[symbolsOf(left), symbolsOf(right)]];
  });
  return bpeText(new Map([...ids].map(([token, id]) => [symbolsOf(token), id])), merges);
}

/** The bytes of each token, by id. */
async function loadTokens(): Promise<Uint8Array[]> {
  const load = () => import("gpt-tokenizer/bpeRanks/r50k_base");
  const { default: ranks } = await loadPackage("gpt-tokenizer", load);
  const encoder = new TextEncoder();
  return ranks.map((token) => (typeof token === "string" ? encoder.encode(token) : Uint8Array.from(token)));
}

/** Ids by tokens, a character for each byte. */
const idsOf = (tokens: readonly Uint8Array[]): Map<string, number> =>
  new Map(tokens.map((token, id) => [String.fromCharCode(...token), id]));

/** The two parts that merge into a token: what earlier merges leave of its bytes. */
function partsOf(token: string, id: number, ids: ReadonlyMap<string, number>): [string, string] {
  const parts = [...token];
  while (parts.length > 2) {
    const ranks = parts.slice(1).map((part, at) => ids.get(`${parts[at]}${part}`) ?? id);
    const best = ranks.indexOf(Math.min(...ranks));
    parts.splice(best, 2, `${parts[best]}${parts[best + 1]}`);
  }
  return parts as [string, string];
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

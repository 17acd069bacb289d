import { bpeTokenizer, bytesJson } from "./bpe.ts";
import { charactersTokenizer } from "./characters.ts";
import { bytesTokenizer, type Tokenizer } from "./tokenizer.ts";
import { wordsTokenizer } from "./words.ts";

/**
 * The tokenizer that a Hugging Face `tokenizer.json` describes: byte-level BPE, single bytes, characters, or whole words. Throws
 * DATA_TOKENIZER, naming `where`.
 */
export function tokenizerFromJson(json: string, where = "tokenizer.json"): Tokenizer {
  if (json === bytesJson()) return bytesTokenizer();
  const { model, pre_tokenizer } = partsOf(json);
  if (model?.type !== "WordLevel") return bpeTokenizer(json, where);
  return pre_tokenizer?.type === "Split" ? charactersTokenizer(json, where) : wordsTokenizer(json, where);
}

interface Typed {
  readonly type?: unknown;
}

/** What tells the kinds apart; what is no JSON at all is left to the reader of BPE. */
function partsOf(json: string): { readonly model?: Typed; readonly pre_tokenizer?: Typed } {
  try {
    return (JSON.parse(json) as { readonly model?: Typed; readonly pre_tokenizer?: Typed } | null) ?? {};
  } catch {
    return {};
  }
}

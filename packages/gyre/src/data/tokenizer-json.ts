import { type BpeTokenizer, bpeTokenizer } from "./bpe.ts";
import { type WordsTokenizer, wordsTokenizer } from "./words.ts";

/**
 * The tokenizer that a Hugging Face `tokenizer.json` describes: byte-level BPE, or whole words. Throws DATA_TOKENIZER,
 * naming `where`.
 */
export const tokenizerFromJson = (json: string, where = "tokenizer.json"): BpeTokenizer | WordsTokenizer =>
  isOfWords(json) ? wordsTokenizer(json, where) : bpeTokenizer(json, where);

/** Whether a text is JSON of a model that is a list of words; what is no JSON at all is left to the reader of BPE. */
function isOfWords(json: string): boolean {
  try {
    return (
      (JSON.parse(json) as { readonly model?: { readonly type?: unknown } })?.model?.type === "WordLevel"
    );
  } catch {
    return false;
  }
}

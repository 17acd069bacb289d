import { END_OF_TEXT } from "./tokenizer.ts";

/** What a kind of tokenizer fills in. */
interface TokenizerParts {
  readonly endOfText: number;
  readonly preTokenizer: object;
  readonly decoder: object | null;
  readonly model: object;
}

/** The text of a tokenizer.json, in the order of fields that Hugging Face's library writes. */
export function tokenizerText({ endOfText, preTokenizer, decoder, model }: TokenizerParts): string {
  const added = { id: endOfText, content: END_OF_TEXT, single_word: false, lstrip: false, rstrip: false };
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{ ...added, normalized: false, special: true }],
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder,
    model,
  });
}

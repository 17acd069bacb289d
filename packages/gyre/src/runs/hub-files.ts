import { END_OF_TEXT } from "../data/tokenizer.ts";

/** What Hugging Face's libraries and lm-eval look for beside a model and its tokenizer.json. */
export interface HubFacts {
  /** Longest text in tokens. */
  readonly context: number;
  /** The token that ends a text, begins one and fills up. */
  readonly endOfText: number;
}

/** tokenizer_config.json and generation_config.json by name, as transformers writes them. */
export function hubFiles({ context, endOfText }: HubFacts): ReadonlyMap<string, string> {
  const tokenizer = {
    bos_token: END_OF_TEXT,
    clean_up_tokenization_spaces: false,
    eos_token: END_OF_TEXT,
    model_max_length: context,
    pad_token: END_OF_TEXT,
    tokenizer_class: "PreTrainedTokenizerFast",
  };
  const generation = { bos_token_id: endOfText, eos_token_id: endOfText, pad_token_id: endOfText };
  const text = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ["tokenizer_config.json", text(tokenizer)],
    ["generation_config.json", text(generation)],
  ]);
}

import type { BpeTokenizer } from "../data/bpe.ts";
import { END_OF_TEXT, type Tokenizer } from "../data/tokenizer.ts";
import { chatTemplate } from "./chat.ts";
import { badField, modelNeeded } from "./errors.ts";
import { modelNamed } from "./names.ts";
import type { ServedModel } from "./plan.ts";

// The tokenizer over HTTP, as vLLM has it and lm-eval asks for it.

/** The model that is meant: the named one, or any where all have one tokenizer. Throws MODEL_NEEDED, MODEL_NOT_FOUND. */
export function tokenizingModel(
  models: readonly ServedModel[],
  name: string | undefined | null,
): ServedModel {
  if (name != null) return modelNamed(models, name).model;
  const [first, ...others] = models as [ServedModel, ...ServedModel[]];
  if (others.every(({ tokenizer }) => isSame(tokenizer, first.tokenizer))) return first;
  throw modelNeeded(models.map(({ id }) => id));
}

function isSame(one: Tokenizer, other: Tokenizer): boolean {
  const json = (tokenizer: Tokenizer) => (tokenizer as Partial<BpeTokenizer>).json;
  return one.kind === other.kind && one.vocab === other.vocab && json(one) === json(other);
}

export function tokenizerInfoOf({ tokenizer, spec }: ServedModel) {
  const tokens = { eos_token: END_OF_TEXT, bos_token: null, pad_token: null };
  const sizes = { vocab_size: tokenizer.vocab, model_max_length: spec.context };
  return { ...tokens, chat_template: chatTemplate, ...sizes };
}

/** Characters of a text that is tokenized; also how long a row of letters, digits or signs may be in one. */
const LONGEST_TEXT = 2 ** 17;
const LONGEST_ROW = 2 ** 11;
const longRow = new RegExp(
  ["\\p{L}", "\\p{N}", "[^\\s\\p{L}\\p{N}]", "\\s"].map((kind) => `${kind}{${LONGEST_ROW},}`).join("|"),
  "u",
);

/** Refuses texts that take a tokenizer long, as its time grows with the square of what has no boundary within. */
export function checkText(field: string, text: string): void {
  if (text.length > LONGEST_TEXT)
    throw badField(field, `${field} of ${text.length} characters`, `at most ${LONGEST_TEXT}`);
  if (longRow.test(text))
    throw badField(
      field,
      `${field} with ${LONGEST_ROW} letters, digits or signs in a row`,
      "words, or tokens",
    );
}

/** Throws INVALID_VALUE. */
export function tokenize({ tokenizer, spec }: ServedModel, prompt: string) {
  checkText("prompt", prompt);
  const tokens = Array.from(tokenizer.encode(prompt));
  return { tokens, count: tokens.length, max_model_len: spec.context };
}

/** Throws INVALID_VALUE for tokens that the tokenizer has not. */
export function detokenize({ tokenizer }: ServedModel, tokens: readonly number[]) {
  const unknown = tokens.find((token) => token >= tokenizer.vocab);
  if (unknown !== undefined)
    throw badField("tokens", `the token ${unknown}`, `tokens below ${tokenizer.vocab}`);
  return { prompt: tokenizer.decode(tokens) };
}

import { z } from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { unknownWord, unsupportedTokenizer } from "./errors.ts";
import { assembleTokenizer, END_OF_TEXT, type Tokenizer } from "./tokenizer.ts";
import { tokenizerText } from "./tokenizer-frame.ts";

/** A tokenizer of whole words between white space and its Hugging Face `tokenizer.json`: the tokens of a task, by name. */
export interface WordsTokenizer extends Tokenizer {
  readonly kind: "words";
  readonly json: string;
}

/** The part of tokenizer.json that changes tokens. What is not listed here must not be there. */
const fileSchema = z.object({
  normalizer: z.null().optional(),
  added_tokens: z.tuple([z.object({ id: z.literal(0), content: z.literal(END_OF_TEXT) })]),
  pre_tokenizer: z.object({ type: z.literal("WhitespaceSplit") }),
  post_processor: z.null().optional(),
  decoder: z.null().optional(),
  model: z.object({ type: z.literal("WordLevel"), vocab: z.record(z.string(), z.int().nonnegative()) }),
});

/**
 * The `tokenizer.json` of a vocabulary of words by id. The first one, which fills rows and is never written, is
 * `<|endoftext|>` there.
 */
export function wordsJson(names: readonly string[]): string {
  const [, ...words] = names;
  const vocab = Object.fromEntries([END_OF_TEXT, ...words].map((name, id) => [name, id]));
  return tokenizerText({
    endOfText: 0,
    preTokenizer: { type: "WhitespaceSplit" },
    decoder: null,
    model: { type: "WordLevel", vocab, unk_token: "<unk>" },
  });
}

/**
 * A tokenizer from such a file. A word is decoded with a space after it; text that differs in white space alone has the same
 * tokens. Throws DATA_TOKENIZER, naming `where`, for a file of another form; encoding throws DATA_WORD for a word
 * that the vocabulary lacks.
 */
export function wordsTokenizer(json: string, where = "tokenizer.json"): WordsTokenizer {
  const { success, data, error } = fileSchema.safeParse(jsonOf(json, where), { error: inWords });
  if (!success) throw unsupportedTokenizer(where, problemsOf(error, "the file").join("; "));
  const ids = new Map(Object.entries(data.model.vocab));
  const encoder = new TextEncoder();
  const bytes: Uint8Array[] = [];
  for (const [word, id] of ids) bytes[id] = encoder.encode(`${word} `);
  const isWhole = bytes.length === ids.size && Object.keys(bytes).length === ids.size;
  if (!isWhole || ids.get(END_OF_TEXT) !== 0)
    throw unsupportedTokenizer(where, `ids that do not run from 0, ${END_OF_TEXT}, to ${ids.size - 1}`);
  const append = (out: number[], text: string) => {
    for (const word of text.split(/\s+/u).filter((part) => part !== "")) {
      const id = ids.get(word);
      if (id === undefined) throw unknownWord(word, [...ids.keys()].slice(1));
      out.push(id);
    }
  };
  return { ...assembleTokenizer({ kind: "words", endOfText: 0, bytes, append }), kind: "words", json };
}

function jsonOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unsupportedTokenizer(where, "not JSON");
  }
}

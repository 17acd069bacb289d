import { z } from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { unsupportedTokenizer } from "./errors.ts";
import { assembleTokenizer, END_OF_TEXT, type Tokenizer } from "./tokenizer.ts";
import { tokenizerText } from "./tokenizer-frame.ts";

/** A tokenizer of single characters (Unicode scalar values) and its Hugging Face `tokenizer.json`. */
export interface CharactersTokenizer extends Tokenizer {
  readonly kind: "characters";
  readonly json: string;
}

/** What stands for a character that the vocabulary lacks. */
const UNKNOWN = "\ufffd";
const preTokenizer = {
  type: "Split",
  pattern: { Regex: "[\\s\\S]" },
  behavior: "Isolated",
  invert: false,
} as const;

/** The part of tokenizer.json that changes tokens. What is not listed here must not be there. */
const fileSchema = z.object({
  normalizer: z.null().optional(),
  added_tokens: z.tuple([z.object({ id: z.literal(0), content: z.literal(END_OF_TEXT) })]),
  pre_tokenizer: z.object({
    type: z.literal("Split"),
    pattern: z.object({ Regex: z.literal(preTokenizer.pattern.Regex) }),
    behavior: z.literal("Isolated"),
    invert: z.literal(false),
  }),
  post_processor: z.null().optional(),
  decoder: z.object({ type: z.literal("Fuse") }),
  model: z.object({
    type: z.literal("WordLevel"),
    vocab: z.record(z.string(), z.int().nonnegative()),
    unk_token: z.literal(UNKNOWN),
  }),
});

/**
 * The `tokenizer.json` of all characters of some texts: `<|endoftext|>`, U+FFFD for what is in none of them, then the
 * characters in the order of their numbers. A text's 65 characters make 67 entries.
 */
export async function charactersJson(texts: Iterable<string> | AsyncIterable<string>): Promise<string> {
  const found = new Set<string>();
  for await (const text of texts) for (const character of text) found.add(character);
  found.delete(UNKNOWN);
  const numberOf = (character: string) => character.codePointAt(0) ?? 0;
  const characters = [...found].filter((one) => !/\p{Surrogate}/u.test(one));
  const names = [END_OF_TEXT, UNKNOWN, ...characters.sort((a, b) => numberOf(a) - numberOf(b))];
  return tokenizerText({
    endOfText: 0,
    preTokenizer,
    decoder: { type: "Fuse" },
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(names.map((name, id) => [name, id])),
      unk_token: UNKNOWN,
    },
  });
}

/** A tokenizer from such a file. Throws DATA_TOKENIZER, naming `where`, for a file of another form. */
export function charactersTokenizer(json: string, where = "tokenizer.json"): CharactersTokenizer {
  const { success, data, error } = fileSchema.safeParse(JSON.parse(json), { error: inWords });
  if (!success) throw unsupportedTokenizer(where, problemsOf(error, "the file").join("; "));
  const ids = new Map(Object.entries(data.model.vocab));
  const unknown = ids.get(UNKNOWN);
  const sorted = [...ids.values()].sort((a, b) => a - b);
  if (unknown === undefined || ids.get(END_OF_TEXT) !== 0 || sorted.some((id, at) => id !== at))
    throw unsupportedTokenizer(where, `ids that do not run from 0, ${END_OF_TEXT}, to ${ids.size - 1}`);
  const encoder = new TextEncoder();
  const bytes: Uint8Array[] = [];
  for (const [character, id] of ids) bytes[id] = encoder.encode(character);
  const append = (out: number[], text: string) => {
    for (const character of text) out.push(ids.get(character) ?? unknown);
  };
  return {
    ...assembleTokenizer({ kind: "characters", endOfText: 0, bytes, append }),
    kind: "characters",
    json,
  };
}

import * as z from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { unsupportedTokenizer, vocabularyTooLarge } from "./errors.ts";
import { pieceEncoder } from "./pieces.ts";
import { assembleTokenizer, END_OF_TEXT, type Tokenizer } from "./tokenizer.ts";
import { tokenizerText } from "./tokenizer-frame.ts";

/** A byte-level BPE tokenizer and its Hugging Face `tokenizer.json`. */
export interface BpeTokenizer extends Tokenizer {
  readonly kind: "bpe";
  readonly json: string;
}

export type Merge = readonly [string, string];

const mergeSchema = z.union([
  z.tuple([z.string(), z.string()]),
  z.string().transform((pair): [string, string] => {
    const space = pair.indexOf(" ");
    return [pair.slice(0, space), pair.slice(space + 1)];
  }),
]);

const absent = z.union([z.null(), z.literal("")]).optional();

/** The part of tokenizer.json that changes tokens. What is not listed here must not be there. */
const fileSchema = z.object({
  truncation: absent,
  padding: absent,
  normalizer: absent,
  added_tokens: z.tuple([
    z.object({
      id: z.number(),
      content: z.literal(END_OF_TEXT),
      single_word: z.literal(false).optional(),
      lstrip: z.literal(false).optional(),
      rstrip: z.literal(false).optional(),
    }),
  ]),
  pre_tokenizer: z.object({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.literal(false),
    use_regex: z.literal(true).optional(),
  }),
  post_processor: z.object({ type: z.literal("ByteLevel") }).nullish(),
  decoder: z.object({ type: z.literal("ByteLevel") }),
  model: z.object({
    type: z.literal("BPE").optional(),
    dropout: absent,
    continuing_subword_prefix: absent,
    end_of_word_suffix: absent,
    byte_fallback: z.literal(false).optional(),
    ignore_merges: z.literal(false).optional(),
    vocab: z.record(z.string(), z.number().int()),
    merges: z.array(mergeSchema),
  }),
});

/**
 * A tokenizer from the text of a Hugging Face `tokenizer.json` (byte-level BPE, as GPT-2's). Runs without
 * native code. Throws DATA_TOKENIZER, naming `where`, when the file asks for anything this code does not do.
 */
export function bpeTokenizer(json: string, where = "tokenizer.json"): BpeTokenizer {
  const { vocab, merges, endOfText } = parse(json, where);
  if ((vocab.get(END_OF_TEXT) ?? vocab.size) !== endOfText) {
    throw unsupportedTokenizer(where, `${END_OF_TEXT} has id ${endOfText}, which is not its place`);
  }
  const bytes: Uint8Array[] = [];
  for (const [symbols, id] of vocab) if (id !== endOfText) bytes[id] = bytesOfSymbols(symbols, where);
  const size = vocab.size + (vocab.has(END_OF_TEXT) ? 0 : 1);
  for (let id = 0; id < size; id++) {
    if (id !== endOfText && bytes[id] === undefined)
      throw unsupportedTokenizer(where, `no token has id ${id}`);
  }
  const idOf = (symbol: string): number => {
    const id = vocab.get(symbol);
    if (id === undefined) throw unsupportedTokenizer(where, `token ${JSON.stringify(symbol)} is missing`);
    return id;
  };
  const append = pieceEncoder({
    byteIds: BYTE_SYMBOLS.map(idOf),
    vocab: size,
    ranks: new Map(merges.map(([left, right], rank) => [idOf(left) * size + idOf(right), rank])),
    merged: merges.map(([left, right]) => idOf(left + right)),
  });
  return { ...assembleTokenizer({ kind: "bpe", endOfText, bytes, append }), kind: "bpe", json };
}

/**
 * The `tokenizer.json` of a vocabulary of `vocab` entries from learned merges, best first: ids 0 to 255 are
 * the bytes, then one id for each merge, then `<|endoftext|>`. With `canShrink` it has fewer entries where the
 * merges do not suffice; else throws DATA_VOCABULARY.
 */
export function bpeJson(
  merges: readonly Merge[],
  vocab: number,
  { canShrink = false }: { readonly canShrink?: boolean } = {},
): string {
  const ids = new Map(BYTE_SYMBOLS.map((symbol, byte) => [symbol, byte]));
  const kept: Merge[] = [];
  for (const [left, right] of merges) {
    if (ids.size === vocab - 1) break;
    // Two merges can make the same token: the second needs no new id.
    if (!ids.has(left + right)) ids.set(left + right, ids.size);
    kept.push([left, right]);
  }
  if (ids.size < vocab - 1 && !canShrink) throw vocabularyTooLarge(vocab, ids.size + 1);
  return bpeText(ids, kept);
}

/** The `tokenizer.json` of single bytes: a vocabulary without merges. */
export const bytesJson = (): string => bpeJson([], 257);

/** The `tokenizer.json` of byte-level symbols by id, made by these merges, best first; `<|endoftext|>` comes after all of them. */
export function bpeText(symbols: ReadonlyMap<string, number>, merges: readonly Merge[]): string {
  const endOfText = symbols.size;
  const ids = new Map([...symbols, [END_OF_TEXT, endOfText] as const]);
  const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return tokenizerText({
    endOfText,
    preTokenizer: level,
    decoder: level,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges,
    },
  });
}

/** The printable character that stands for each byte in a byte-level vocabulary (GPT-2, `bytes_to_unicode`). */
export const BYTE_SYMBOLS: readonly string[] = byteSymbols();

const BYTE_OF_SYMBOL = new Map(BYTE_SYMBOLS.map((symbol, byte) => [symbol, byte]));

function parse(json: string, where: string) {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw unsupportedTokenizer(where, "not JSON");
  }
  const result = fileSchema.safeParse(value, { error: inWords });
  if (!result.success) throw unsupportedTokenizer(where, problemsOf(result.error, "the file").join("; "));
  const { model, added_tokens } = result.data;
  return { vocab: new Map(Object.entries(model.vocab)), merges: model.merges, endOfText: added_tokens[0].id };
}

function byteSymbols(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

function bytesOfSymbols(symbols: string, where: string): Uint8Array {
  return Uint8Array.from(symbols, (symbol) => {
    const byte = BYTE_OF_SYMBOL.get(symbol);
    if (byte === undefined) {
      throw unsupportedTokenizer(where, `token ${JSON.stringify(symbols)} is not of byte-level form`);
    }
    return byte;
  });
}

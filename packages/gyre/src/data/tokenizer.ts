import { badToken } from "./errors.ts";

export const END_OF_TEXT = "<|endoftext|>";

/** In a pattern with the flag u, a surrogate that is half of a pair does not match. */
export const LONE_SURROGATE = /\p{Surrogate}/gu;

/** How text becomes tokens: byte-pair encoding learned from the text, GPT-2's vocabulary, one token a byte or a character, or a task's words. */
export type TokenizerKind = "bpe" | "gpt2" | "bytes" | "characters" | "words";

/**
 * Text to token ids and back. Any well-formed string comes back unchanged, white space between whole words and characters that a vocabulary lacks apart; a lone
 * surrogate becomes U+FFFD.
 * The literal text `<|endoftext|>` is the one special token, in every kind: it encodes to `endOfText` and
 * decodes to itself. No other text is special, and none is to `encodeText`.
 */
export interface Tokenizer {
  readonly kind: TokenizerKind;
  /** Number of token ids; ids run from 0 to `vocab - 1`. */
  readonly vocab: number;
  readonly endOfText: number;
  /** Text to ids. */
  encode(text: string): Uint32Array;
  /** The same, but `<|endoftext|>` is text like any other: for the words of somebody who may not end the text. */
  encodeText(text: string): Uint32Array;
  /** Bytes that are not UTF-8 decode to U+FFFD. Throws DATA_TOKEN for an id outside the vocabulary. */
  decode(ids: Iterable<number>): string;
  /** A decoder for ids that come one at a time. */
  decodeStream(): DecodeStream;
  /** Bytes of text that this id stands for; 0 for `endOfText`, which separates texts. Throws DATA_TOKEN. */
  byteLength(id: number): number;
}

/** Decodes token by token and holds back the bytes of an unfinished UTF-8 character. */
export interface DecodeStream {
  /** "" for an id beyond the vocabulary: a model may be padded there. Throws DATA_TOKEN for what is no id at all. */
  push(id: number): string;
  /** The bytes still held back, as U+FFFD, or "". */
  flush(): string;
}

/** What differs between tokenizers: the bytes of each id, and how text is encoded. */
export interface TokenizerParts {
  readonly kind: TokenizerKind;
  readonly endOfText: number;
  /** Indexed by id; the entry of `endOfText` is ignored. */
  readonly bytes: readonly Uint8Array[];
  /** Appends the ids of a well-formed text, in which `<|endoftext|>` is nothing special. */
  readonly append: (ids: number[], text: string) => void;
}

/** A tokenizer from its parts. */
export function assembleTokenizer({ kind, endOfText, bytes, append }: TokenizerParts): Tokenizer {
  const vocab = Math.max(bytes.length, endOfText + 1);
  const marker = new TextEncoder().encode(END_OF_TEXT);
  const bytesOf = (id: number): Uint8Array => {
    const found = id === endOfText ? marker : bytes[id];
    if (found === undefined) throw badToken(id, vocab);
    return found;
  };
  const textDecoder = () => new TextDecoder("utf-8", { ignoreBOM: true });
  const decodeStream = (): DecodeStream => {
    const decoder = textDecoder();
    const isPadding = (id: number) => Number.isInteger(id) && id >= vocab;
    return {
      push: (id) => (isPadding(id) ? "" : decoder.decode(bytesOf(id), { stream: true })),
      flush: () => decoder.decode(),
    };
  };
  return {
    kind,
    vocab,
    endOfText,
    encode(text) {
      const ids: number[] = [];
      const parts = text.replace(LONE_SURROGATE, "\ufffd").split(END_OF_TEXT);
      parts.forEach((part, index) => {
        if (index > 0) ids.push(endOfText);
        if (part.length > 0) append(ids, part);
      });
      return new Uint32Array(ids);
    },
    encodeText(text) {
      const ids: number[] = [];
      append(ids, text.replace(LONE_SURROGATE, "\ufffd"));
      return new Uint32Array(ids);
    },
    decode(ids) {
      const decoder = textDecoder();
      let text = "";
      for (const id of ids) text += decoder.decode(bytesOf(id), { stream: true });
      return text + decoder.decode();
    },
    decodeStream,
    byteLength: (id) => (id === endOfText ? 0 : bytesOf(id).length),
  };
}

/** The tokenizer that needs no training: the 256 bytes of UTF-8 and end of text, 257 ids. */
export function bytesTokenizer(): Tokenizer {
  const encoder = new TextEncoder();
  return assembleTokenizer({
    kind: "bytes",
    endOfText: 256,
    bytes: Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    append(ids, text) {
      for (const byte of encoder.encode(text)) ids.push(byte);
    },
  });
}

import type { Tokenizer } from "../data/tokenizer.ts";
import type { LanguageConfig } from "./config.ts";
import { checksumOf } from "./downloads.ts";

/** What config.json says of a tokenizer. */
export function tokenizerEntry(tokenizer: Tokenizer): LanguageConfig["tokenizer"] {
  const { kind, vocab, endOfText } = tokenizer;
  const json = tokenizerJson(tokenizer);
  const sha256 = json === undefined ? {} : { sha256: checksumOf(new TextEncoder().encode(json)) };
  return { kind, vocab, endOfText, ...sha256 };
}

/** The tokenizer.json of a tokenizer that no package holds. */
export const tokenizerJson = (tokenizer: Tokenizer): string | undefined =>
  "json" in tokenizer ? String(tokenizer.json) : undefined;

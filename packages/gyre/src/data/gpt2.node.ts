import { loadPackage } from "../util/packages.ts";
import { assembleTokenizer, type Tokenizer } from "./tokenizer.ts";

/** GPT-2's tokenizer (50,257 ids; `r50k_base` of the gpt-tokenizer package). Throws PACKAGE_MISSING. */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  const load = () =>
    Promise.all([import("gpt-tokenizer/encoding/r50k_base"), import("gpt-tokenizer/bpeRanks/r50k_base")]);
  const [{ encodeGenerator }, { default: ranks }] = await loadPackage("gpt-tokenizer", load);
  const encoder = new TextEncoder();
  const nothingSpecial = { disallowedSpecial: new Set<string>() };
  return assembleTokenizer({
    kind: "gpt2",
    endOfText: 50256,
    bytes: ranks.map((token) => (typeof token === "string" ? encoder.encode(token) : Uint8Array.from(token))),
    append(ids, text) {
      for (const piece of encodeGenerator(text, nothingSpecial)) for (const id of piece) ids.push(id);
    },
  });
}

import { PlainError } from "../engine/plain-words.ts";

/** The text of a file. Throws where its bytes are no UTF-8, naming the place. */
export function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new PlainError(`${name} is no text in UTF-8.`, "Save it in that encoding, and open it again.");
  }
}

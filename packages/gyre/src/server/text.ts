import type { DecodeStream } from "../data/tokenizer.ts";
import type { ChosenToken, Piece } from "./protocol.ts";

/**
 * Turns tokens into text that may be given out: whole characters, and nothing of a stop text, however many
 * tokens it spans. What might be the beginning of one is held back until it is clear.
 */
export class TextAssembler {
  /** A stop text has come; everything before it has been given out. */
  isStopped = false;
  readonly #decoder: DecodeStream;
  readonly #stops: readonly string[];
  #dropsSpace: boolean;
  #held = "";
  /** Characters given out. */
  #given = 0;
  #tokens: { readonly token: ChosenToken; readonly end: number }[] = [];

  constructor(decoder: DecodeStream, stops: readonly string[], dropsSpace = false) {
    this.#decoder = decoder;
    this.#stops = stops;
    this.#dropsSpace = dropsSpace;
  }

  /**
   * Takes a prompt, all of which is given out: no stop text is looked for in it. The last character may be held back
   * until its other bytes come. With `chances`, reports each token.
   */
  echo(ids: readonly (number | undefined)[], chances?: readonly Omit<ChosenToken, "offset">[]): Piece {
    const tokens: ChosenToken[] = [];
    let text = "";
    for (const [index, id] of ids.entries()) {
      const chance = chances?.[index];
      if (chance) tokens.push({ ...chance, offset: this.#given + text.length });
      if (id !== undefined) text += this.#decoder.push(id);
    }
    this.#given += text.length;
    return { text, tokens };
  }

  /** Takes the next token; `id` is undefined for one that stands for no text. */
  push(id: number | undefined, token?: Omit<ChosenToken, "offset">): Piece {
    const offset = this.#given + this.#held.length;
    if (id !== undefined) this.#held += this.#decoder.push(id);
    if (token) this.#tokens.push({ token: { ...token, offset }, end: this.#given + this.#held.length });
    return this.#release(false);
  }

  /** All that is left, once no token follows. */
  end(): Piece {
    if (this.isStopped) return { text: "", tokens: [] };
    this.#held += this.#decoder.flush();
    return this.#release(true);
  }

  #release(isLast: boolean): Piece {
    const at = firstOf(this.#held, this.#stops);
    this.isStopped = at !== undefined;
    const clear = at ?? this.#held.length - (isLast ? 0 : mayBegin(this.#held, this.#stops));
    const text = this.#held.slice(0, clear);
    this.#held = this.#held.slice(clear);
    this.#given += clear;
    const tokens = this.#tokens.filter(({ end }) => end <= this.#given).map(({ token }) => token);
    this.#tokens = this.#tokens.filter(({ end }) => end > this.#given);
    const drops = this.#dropsSpace && text.startsWith(" ");
    if (text !== "") this.#dropsSpace = false;
    return { text: drops ? text.slice(1) : text, tokens };
  }
}

/** Where the first of some texts begins. */
function firstOf(text: string, searched: readonly string[]): number | undefined {
  const found = searched.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return found.length > 0 ? Math.min(...found) : undefined;
}

/** Length of the longest end of a text that one of some others begins with. */
function mayBegin(text: string, others: readonly string[]): number {
  const longest = Math.max(0, ...others.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (others.some((other) => other.startsWith(end))) return length;
  }
  return 0;
}

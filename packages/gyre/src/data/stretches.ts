import type { Document } from "./document.ts";
import { safeCut } from "./pieces.ts";
import type { Place } from "./split.ts";

/** A piece of a document: the pieces one after the other are its text, and their tokens its tokens. */
export interface Stretch {
  readonly text: string;
  /** Whether the document ends with it. */
  readonly isLast: boolean;
  /** Whether it is a prompt, which is read and not learned: none of its tokens is a target. */
  readonly isPrompt?: boolean;
}

/** Documents stretch by stretch, which need not be in memory; they can be gone through as often as one likes. */
export interface TextSource {
  /** The documents from the first on, anew with every call. */
  stretches(): AsyncIterable<Stretch>;
}

/** Units of text in a stretch, and the most where there is no white space to cut it at. */
const STRETCH = 2 ** 18;
const MOST_STRETCH = 2 ** 20;

/** Where the first stretch of a text ends; -1 where all of it may be one, or what comes next must tell. */
export function stretchEnd(text: string): number {
  if (text.length <= STRETCH) return -1;
  const cut = safeCut(text, 0, STRETCH);
  if (cut > 0 || text.length <= MOST_STRETCH) return cut;
  const later = safeCut(text, STRETCH, MOST_STRETCH);
  if (later > 0) return later;
  const unit = text.charCodeAt(MOST_STRETCH);
  return unit >= 0xdc00 && unit <= 0xdfff ? MOST_STRETCH - 1 : MOST_STRETCH;
}

/** The stretches of documents that are in memory. */
export const stretchesOf = (documents: readonly Document[]): TextSource => ({
  async *stretches() {
    for (const { text } of documents) {
      let rest = text;
      for (let end = stretchEnd(rest); end > 0; end = stretchEnd(rest)) {
        yield { text: rest.slice(0, end), isLast: false };
        rest = rest.slice(end);
      }
      yield { text: rest, isLast: true };
    }
  },
});

/** The documents of a source before a place, or those from it on; the document that it is in is cut there. */
export function side(source: TextSource, which: "before" | "after", { document, at }: Place): TextSource {
  return {
    async *stretches() {
      let index = 0;
      let start = 0;
      for await (const stretch of source.stretches()) {
        const { text, isLast } = stretch;
        const cut = index < document ? text.length : index > document ? 0 : clamp(at - start, text.length);
        if (which === "before" && cut > 0) {
          const isCut = index === document && start + cut === at;
          yield { ...stretch, text: text.slice(0, cut), isLast: isLast || isCut };
        }
        if (which === "after" && cut < text.length) yield { ...stretch, text: text.slice(cut) };
        start = isLast ? 0 : start + text.length;
        if (isLast) index++;
        if (which === "before" && (index > document || (index === document && start >= at))) return;
      }
    },
  };
}

const clamp = (value: number, most: number): number => Math.max(0, Math.min(value, most));

import type { Decoder } from "../decode/decoder.ts";
import { type Reading, readTexts } from "../decode/read.ts";
import { isExitRule, type Loops } from "../decode/stream.ts";

/**
 * A text to read, and who hears what the model expects after each of its tokens. After `onEnd` or `onError` nothing
 * more comes, but that `onError` also hears of what the others throw. What `onError` throws is lost.
 */
export interface ReadSubmission {
  readonly text: ArrayLike<number>;
  readonly loops: Loops;
  /** Entries of the tokenizer's vocabulary; all submissions have the same. */
  readonly vocab?: number;
  /** Called for every stretch of the text, in order. */
  onReading(reading: Reading): void;
  /** Called once, after the last. */
  onEnd(): void;
  /** Called once instead, where reading fails. */
  onError(error: unknown): void;
}

interface Entry {
  readonly submission: ReadSubmission;
  /** Texts with the same key may share calls. */
  readonly key: string;
}

/** Lengths that differ by less share calls. */
const LENGTHS_TOGETHER = 16;
/** Texts that share a call at most. */
const MOST_TOGETHER = 16;

/** Texts that wait to be read, many at a time. */
export class Reads {
  readonly #decoder: Decoder;
  readonly #entries = new Set<Entry>();

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What it returns cancels the submission, which hears nothing more. */
  add(submission: ReadSubmission): () => void {
    const { loops, text } = submission;
    const depth = isExitRule(loops) ? [loops.name, loops.most] : loops;
    const entry = { submission, key: JSON.stringify([depth, Math.ceil(text.length / LENGTHS_TOGETHER)]) };
    this.#entries.add(entry);
    return () => {
      this.#entries.delete(entry);
    };
  }

  /** Fails all of them. */
  failAll(error: unknown): void {
    for (const entry of [...this.#entries]) this.#fail(entry, error);
  }

  /** Reads the first that waits and others like it, `mostTokens` of them together. Never rejects; gives their number. */
  async readSome(mostTokens: number): Promise<number> {
    const [first] = this.#entries;
    if (!first) return 0;
    const like = [...this.#entries].filter(({ key }) => key === first.key);
    const room = Math.floor(mostTokens / Math.max(1, first.submission.text.length));
    const group = like.slice(0, Math.max(1, Math.min(MOST_TOGETHER, room)));
    const texts = group.map(({ submission }) => submission.text);
    const { loops, vocab } = first.submission;
    try {
      await readTexts(
        this.#decoder,
        texts,
        { loops, ...(vocab === undefined ? {} : { vocab }) },
        (reading) => {
          const entry = group[reading.text] as Entry;
          this.#tell(entry, () => entry.submission.onReading(reading));
        },
      );
      for (const entry of group) {
        this.#tell(entry, () => entry.submission.onEnd());
        this.#entries.delete(entry);
      }
    } catch (error) {
      for (const entry of group) this.#fail(entry, error);
    }
    return group.length;
  }

  /** Calls a listener of a text that is still wanted. */
  #tell(entry: Entry, call: () => void): void {
    if (!this.#entries.has(entry)) return;
    try {
      call();
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #fail(entry: Entry, error: unknown): void {
    if (!this.#entries.delete(entry)) return;
    try {
      entry.submission.onError(error);
    } catch {}
  }
}

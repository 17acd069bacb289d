import type { Loaded } from "gyre/web";

/** What computes now, in words: one line that every page shares. */
class Status {
  words = "";
  readonly #listeners = new Set<(words: string) => void>();

  say(words: string): void {
    this.words = words;
    for (const listener of this.#listeners) listener(words);
  }

  /** What computes, and what went otherwise than asked. */
  sayRuntime({ runtime, warnings }: Pick<Loaded, "runtime" | "warnings">): void {
    this.say([runtime, ...warnings].join("; "));
  }

  /** Returns a function that ends it. */
  listen(listener: (words: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const status = new Status();

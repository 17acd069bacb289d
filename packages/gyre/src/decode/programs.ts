import type { Program } from "../runtime/runtime.ts";
import { Recent } from "../util/recent.ts";

/** A program with what its owner keeps beside it. */
export interface Prepared {
  readonly program: Program;
}

/**
 * Compiled programs by what they were compiled for. Those used last are kept, the others disposed of; a compilation
 * that was rejected is forgotten, so that the next one tries again. Whoever asks takes turns: a program may go when
 * the next one is asked for.
 */
export class ProgramCache<Entry extends Prepared> implements AsyncDisposable {
  readonly #entries: Recent<Entry>;

  /** Keeps at most so many. */
  constructor(most: number) {
    this.#entries = new Recent({ room: most });
  }

  /** The program of a key, compiled if there is none. Throws what `compile` throws. */
  async get(key: string, compile: () => Promise<Entry>): Promise<Entry> {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry = await compile();
    await disposeAll(this.#entries.set(key, entry));
    return entry;
  }

  /** Lets go of all programs; it may be asked for new ones. */
  async [Symbol.asyncDispose](): Promise<void> {
    await disposeAll(this.#entries.clear());
  }
}

async function disposeAll(entries: readonly Prepared[]): Promise<void> {
  for (const { program } of entries) await program[Symbol.asyncDispose]();
}

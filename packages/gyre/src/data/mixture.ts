import { rng } from "../util/rng.ts";
import type { Stretch, TextSource } from "./stretches.ts";

/** One of the sources of a mixture. */
export interface MixtureSource {
  /** What it is called in the manifest. */
  readonly name: string;
  /** Its share of the tokens is this by the sum of all weights. */
  readonly weight: number;
  readonly documents: TextSource;
}

/**
 * Sources in proportions. No document is there twice: the source that is the shortest for its weight is used whole, and of the
 * others as many documents as their shares ask for, drawn by the seed.
 */
export interface Mixture {
  readonly sources: readonly MixtureSource[];
  /** Default 0. */
  readonly seed?: number;
}

/** A split of a source, and what was found in it. */
export interface Part {
  readonly source: TextSource;
  /** The share of the tokens that it is to have. */
  readonly share: number;
  readonly documents: number;
  /** Units of text. */
  readonly units: number;
  /** Tokens of a unit of text, on average; a document has one more, for its end. */
  readonly tokensPerUnit: number;
}

/** A stretch, and the part of a mixture that it is of. */
export interface PartStretch extends Stretch {
  readonly part: number;
}

/** More documents than a share asks for, by the mean length of all: those that are drawn may be shorter. */
const MARGIN = 1.1;

/**
 * The documents of some parts, whole, each time one of the part that is the furthest behind its share, until that
 * part has no more. Within a part they stay in order.
 */
export function mix(
  parts: readonly Part[],
  seed: number,
): { stretches(): AsyncGenerator<PartStretch, void, undefined> } {
  const tokensOf = ({ units, tokensPerUnit, documents }: Part) => units * tokensPerUnit + documents;
  const total = Math.min(...parts.map((part) => tokensOf(part) / part.share));
  const chosen = parts.map((part, index) => {
    const fraction = (MARGIN * total * part.share) / tokensOf(part);
    const count = Math.min(part.documents, Math.ceil(part.documents * fraction) + 1);
    return drawDocuments(part.source, { count, of: part.documents, seed, index });
  });
  return {
    async *stretches() {
      const readers = chosen.map((source) => source.stretches()[Symbol.asyncIterator]());
      const taken = parts.map(() => 0);
      try {
        for (;;) {
          const part = furthestBehind(parts, taken);
          const { tokensPerUnit } = parts[part] as Part;
          let isLast = false;
          while (!isLast) {
            const next = await readers[part]?.next();
            if (next === undefined || next.done) return;
            isLast = next.value.isLast;
            taken[part] = (taken[part] ?? 0) + next.value.text.length * tokensPerUnit + (isLast ? 1 : 0);
            yield { ...next.value, part };
          }
        }
      } finally {
        for (const reader of readers) await reader.return?.();
      }
    },
  };
}

function furthestBehind(parts: readonly Part[], taken: readonly number[]): number {
  const progress = parts.map(({ share }, index) => (taken[index] ?? 0) / share);
  return progress.indexOf(Math.min(...progress));
}

/** So many of the documents of a source, any of them equally likely, in order (selection sampling: Knuth, 3.4.2, S). */
function drawDocuments(
  source: TextSource,
  options: { readonly count: number; readonly of: number; readonly seed: number; readonly index: number },
): TextSource {
  const { count, of, seed, index } = options;
  return {
    async *stretches() {
      const random = rng(seed, "mixture", index);
      let document = 0;
      let drawn = 0;
      let isDrawn = random.uniform() * of < count;
      for await (const stretch of source.stretches()) {
        if (isDrawn) yield stretch;
        if (!stretch.isLast) continue;
        document++;
        if (isDrawn) drawn++;
        isDrawn = random.uniform() * (of - document) < count - drawn;
      }
    },
  };
}

import { type CacheKind, cacheKinds } from "../models/decoding.ts";
import type { Spec } from "../models/spec.ts";
import { type FloatData, type Precision, zeros } from "../util/tensor.ts";

/** Rows [H, tokens, w] that one sequence gained in one loop and layer, as they lie in a call's output. */
export interface NewRows {
  readonly data: FloatData;
  /** Where this sequence's rows begin in `data`. */
  readonly offset: number;
  /** Tokens of the call; the first `count` of them are real. */
  readonly tokens: number;
  readonly count: number;
}

type LoopCache = Readonly<Record<CacheKind, FloatData[]>>;

/**
 * Keys and values of one sequence, one cache per (loop, layer): [H, capacity, w]. A loop's share is allocated
 * when the loop first runs. Positions beyond what was written hold zeros or old rows; masks hide them.
 */
export class KeyValueCache {
  readonly #spec: Spec;
  readonly #loops: (LoopCache | undefined)[] = [];
  readonly #precision: Precision;
  #capacity = 0;

  constructor(spec: Spec, precision: Precision) {
    this.#spec = spec;
    this.#precision = precision;
  }

  /** Positions that fit. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    const { layers, width } = this.#spec;
    const loops = this.#loops.filter((loop) => loop !== undefined).length;
    return (
      loops *
      layers *
      cacheKinds.length *
      this.#capacity *
      width *
      zeros(this.#precision, 0).BYTES_PER_ELEMENT
    );
  }

  /** Makes room for more positions; what is cached stays. */
  grow(capacity: number): void {
    if (capacity <= this.#capacity) return;
    const { heads, width } = this.#spec;
    const [before, after] = [(this.#capacity * width) / heads, (capacity * width) / heads];
    const grown = (rows: FloatData) => {
      const larger = zeros(this.#precision, heads * after);
      for (let head = 0; head < heads; head++)
        larger.set(rows.subarray(head * before, (head + 1) * before), head * after);
      return larger;
    };
    for (const [index, loop] of this.#loops.entries())
      this.#loops[index] = loop && { keys: loop.keys.map(grown), values: loop.values.map(grown) };
    this.#capacity = capacity;
  }

  /** The cache of one loop and layer [H, capacity, w]. */
  rows(loop: number, kind: CacheKind, layer: number): FloatData {
    return this.#loop(loop)[kind][layer] as FloatData;
  }

  /** Stores new rows from `position` on. */
  write(loop: number, kind: CacheKind, layer: number, position: number, rows: NewRows): void {
    const { heads, width } = this.#spec;
    const headWidth = width / heads;
    const into = this.rows(loop, kind, layer);
    for (let head = 0; head < heads; head++) {
      const start = rows.offset + head * rows.tokens * headWidth;
      const part = rows.data.subarray(start, start + rows.count * headWidth);
      into.set(part, (head * this.#capacity + position) * headWidth);
    }
  }

  /** Gives loop `to` the rows that loop `from` has at `position`. */
  share(from: number, to: number, position: number): void {
    const { heads, layers, width } = this.#spec;
    const headWidth = width / heads;
    for (const kind of cacheKinds) {
      for (let layer = 0; layer < layers; layer++) {
        const [source, target] = [this.rows(from, kind, layer), this.rows(to, kind, layer)];
        for (let head = 0; head < heads; head++) {
          const start = (head * this.#capacity + position) * headWidth;
          target.set(source.subarray(start, start + headWidth), start);
        }
      }
    }
  }

  #loop(index: number): LoopCache {
    const size = this.#capacity * this.#spec.width;
    const allocate = () => Array.from({ length: this.#spec.layers }, () => zeros(this.#precision, size));
    const loop = this.#loops[index] ?? { keys: allocate(), values: allocate() };
    this.#loops[index] = loop;
    return loop;
  }
}

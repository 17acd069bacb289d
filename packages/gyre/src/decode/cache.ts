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

/**
 * Keys and values of one sequence, per layer [loops, H, capacity, w]: the caches of successive loops lie side by
 * side. Positions beyond what was written hold zeros or old rows; masks hide them.
 */
export class KeyValueCache {
  readonly #spec: Spec;
  readonly #precision: Precision;
  readonly #expected: number;
  readonly #rows: Readonly<Record<CacheKind, FloatData[]>>;
  #capacity = 0;
  #loops = 0;

  /** Room for the `expected` positions is taken at once. */
  constructor(spec: Spec, precision: Precision, expected = 0) {
    this.#spec = spec;
    this.#precision = precision;
    this.#expected = Math.min(expected, spec.context);
    const none = () => Array.from({ length: spec.layers.core }, () => zeros(precision, 0));
    this.#rows = { keys: none(), values: none() };
  }

  /** Positions that fit. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return cacheKinds
      .flatMap((kind) => this.#rows[kind])
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Makes room for more positions or loops; what is cached stays. */
  grow(positions: number, loops: number): void {
    if (positions <= this.#capacity && loops <= this.#loops) return;
    const { context, width } = this.#spec;
    const { heads } = this.#spec.attention;
    const [capacity, cached] = [Math.max(positions, this.#capacity), this.#loops * heads];
    const isLonger = capacity > this.#capacity;
    const [before, after] = [(this.#capacity * width) / heads, (capacity * width) / heads];
    // fresh memory costs more than copies within it: some is taken for twice the positions
    const ahead = Math.max(Math.min(2 * this.#capacity, context), this.#expected);
    const room = isLonger ? Math.max(capacity, ahead) : capacity;
    this.#loops = Math.max(loops, this.#loops);
    const [needed, taken] = [capacity, room].map((each) => this.#loops * each * width) as [number, number];
    for (const layers of Object.values(this.#rows)) {
      for (const [layer, rows] of layers.entries()) {
        const larger = rows.length < needed ? zeros(this.#precision, taken) : rows;
        for (let block = cached - 1; block >= 0; block--)
          larger.set(rows.subarray(block * before, (block + 1) * before), block * after);
        layers[layer] = larger;
      }
    }
    this.#capacity = capacity;
  }

  /** The caches of one layer in successive loops, [loops, H, capacity, w]. */
  rows(kind: CacheKind, layer: number, loop: number, loops = 1): FloatData {
    const size = this.#capacity * this.#spec.width;
    return (this.#rows[kind][layer] as FloatData).subarray(loop * size, (loop + loops) * size);
  }

  /** Stores new rows from `position` on. */
  write(kind: CacheKind, layer: number, loop: number, position: number, rows: NewRows): void {
    const { heads } = this.#spec.attention;
    const headWidth = this.#spec.width / heads;
    const into = this.#rows[kind][layer] as FloatData;
    // by the number: a view of each piece would be as slow, and work for the garbage collector
    for (let head = 0; head < heads; head++) {
      const from = rows.offset + head * rows.tokens * headWidth;
      const to = ((loop * heads + head) * this.#capacity + position) * headWidth;
      for (let index = 0; index < rows.count * headWidth; index++)
        into[to + index] = rows.data[from + index] as number;
    }
  }

  /** Gives loop `to` the rows that loop `from` has at `position`. */
  share(from: number, to: number, position: number): void {
    const { heads } = this.#spec.attention;
    const headWidth = this.#spec.width / heads;
    this.grow(this.#capacity, to + 1);
    for (const kind of cacheKinds) {
      for (let layer = 0; layer < this.#spec.layers.core; layer++) {
        const [source, target] = [this.rows(kind, layer, from), this.rows(kind, layer, to)];
        for (let head = 0; head < heads; head++) {
          const start = (head * this.#capacity + position) * headWidth;
          target.set(source.subarray(start, start + headWidth), start);
        }
      }
    }
  }
}

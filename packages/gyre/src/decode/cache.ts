import { type CacheKind, cacheKinds, type Layer, layersOf } from "../models/decoding.ts";
import { headWidth, type Spec } from "../models/spec.ts";
import { type FloatData, type Precision, zeros } from "../util/tensor.ts";

// Shapes: K heads of keys and values, w their width.

/** Rows [K, tokens, w] that one sequence gained in one loop and layer, as they lie in a call's output. */
export interface NewRows {
  readonly data: FloatData;
  /** Where this sequence's rows begin in `data`. */
  readonly offset: number;
  /** Tokens of the call; the first `count` of them are real. */
  readonly tokens: number;
  readonly count: number;
}

/** The part of a layer's rows that was read last: decoding reads the same one for every token. */
interface View {
  readonly of: FloatData;
  readonly start: number;
  readonly end: number;
  readonly rows: FloatData;
}

/** Keys and values of one layer: [loops, K, capacity, w], of one loop where the layer runs once. */
interface LayerRows extends Record<CacheKind, FloatData> {
  readonly views: Partial<Record<CacheKind, View>>;
}

/**
 * Keys and values of one sequence by stage, layer and loop: the caches of successive loops lie side by side.
 * Positions beyond what was written hold zeros or old rows; masks hide them.
 */
export class KeyValueCache {
  readonly #context: number;
  readonly #heads: number;
  readonly #headWidth: number;
  readonly #precision: Precision;
  readonly #expected: number;
  readonly #layers: Readonly<Record<Layer["stage"], LayerRows[]>>;
  #capacity = 0;
  #loops = 0;

  /** Room for the `expected` positions is taken at once. */
  constructor(spec: Spec, precision: Precision, expected = 0) {
    this.#context = spec.context;
    this.#heads = spec.attention.keyValueHeads;
    this.#headWidth = headWidth(spec);
    this.#precision = precision;
    this.#expected = Math.min(expected, spec.context);
    const none = (stage: Layer["stage"]) =>
      layersOf(spec, [stage]).map(() => ({
        keys: zeros(precision, 0),
        values: zeros(precision, 0),
        views: {},
      }));
    this.#layers = { prelude: none("prelude"), core: none("core"), coda: none("coda") };
  }

  /** Positions that fit. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return Object.values(this.#layers)
      .flat()
      .reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0);
  }

  /** Makes room for more positions, or loops of the core; what is cached stays. */
  grow(positions: number, loops: number): void {
    if (positions <= this.#capacity && loops <= this.#loops) return;
    const capacity = Math.max(positions, this.#capacity);
    // fresh memory costs more than copies within it: some is taken for twice the positions
    const ahead = Math.max(Math.min(2 * this.#capacity, this.#context), this.#expected);
    const room = capacity > this.#capacity ? Math.max(capacity, ahead) : capacity;
    const after = Math.max(loops, this.#loops);
    for (const [stage, layers] of Object.entries(this.#layers)) {
      const [had, has] = stage === "core" ? [this.#loops, after] : [Math.min(1, this.#loops), 1];
      for (const rows of layers)
        for (const kind of cacheKinds) rows[kind] = this.#moved(rows[kind], [had, has], capacity, room);
    }
    this.#capacity = capacity;
    this.#loops = after;
  }

  /** Rows of so many loops before, with place for more positions and for so many loops after. */
  #moved(rows: FloatData, [had, has]: readonly [number, number], capacity: number, room: number): FloatData {
    const [before, size] = [this.#capacity * this.#headWidth, capacity * this.#headWidth];
    const larger =
      rows.length < has * this.#heads * size
        ? zeros(this.#precision, has * this.#heads * room * this.#headWidth)
        : rows;
    for (let block = had * this.#heads - 1; block >= 0; block--)
      larger.set(rows.subarray(block * before, (block + 1) * before), block * size);
    return larger;
  }

  /** The caches of one layer in successive loops, [loops, K, capacity, w]. */
  rows(kind: CacheKind, layer: Layer, loop: number, loops = 1): FloatData {
    const size = this.#heads * this.#capacity * this.#headWidth;
    const own = this.#of(layer);
    const [start, end] = [loop * size, (loop + loops) * size];
    const known = own.views[kind];
    if (known?.of === own[kind] && known.start === start && known.end === end) return known.rows;
    const rows = own[kind].subarray(start, end);
    own.views[kind] = { of: own[kind], start, end, rows };
    return rows;
  }

  /** Stores new rows from `position` on. */
  write(kind: CacheKind, layer: Layer, loop: number, position: number, rows: NewRows): void {
    const into = this.#of(layer)[kind];
    const width = this.#headWidth;
    // by the number: a view of each piece would be as slow, and work for the garbage collector
    for (let head = 0; head < this.#heads; head++) {
      const from = rows.offset + head * rows.tokens * width;
      const to = ((loop * this.#heads + head) * this.#capacity + position) * width;
      for (let index = 0; index < rows.count * width; index++)
        into[to + index] = rows.data[from + index] as number;
    }
  }

  /** Gives loop `to` of the core the rows that loop `from` has at `position`. */
  share(from: number, to: number, position: number): void {
    this.grow(this.#capacity, to + 1);
    for (const index of this.#layers.core.keys()) {
      const layer: Layer = { stage: "core", index };
      for (const kind of cacheKinds) {
        const [source, target] = [this.rows(kind, layer, from), this.rows(kind, layer, to)];
        for (let head = 0; head < this.#heads; head++) {
          const start = (head * this.#capacity + position) * this.#headWidth;
          target.set(source.subarray(start, start + this.#headWidth), start);
        }
      }
    }
  }

  #of({ stage, index }: Layer): LayerRows {
    return this.#layers[stage][index] as LayerRows;
  }
}

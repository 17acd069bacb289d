/**
 * GPT-2's word pattern; White_Space rather than \s because JavaScript's \s differs from Unicode's. What a letter is depends on the engine's
 * version of Unicode: of letters that are newer than the `tokenizers` package, it makes other pieces.
 */
const PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The words, numbers, signs and gaps that a text falls into before any merge; together they are the text. */
export function piecesOf(text: string): readonly string[] {
  return text.match(PIECES) ?? [];
}

const SPACES = /\p{White_Space}/u;
const isSpace = (text: string, at: number): boolean => SPACES.test(text.charAt(at));

/**
 * The last place in (`from`, `limit`] where a text can be cut so that the pieces of both parts are the pieces of
 * the whole: before white space that follows something else. -1 where there is none.
 */
export function safeCut(text: string, from: number, limit: number): number {
  for (let at = Math.min(limit, text.length - 1); at > from; at--) {
    if (isSpace(text, at) && !isSpace(text, at - 1)) return at;
  }
  return -1;
}

/** What a vocabulary merges. Of the pairs in a piece the lowest rank goes first, the leftmost of equals. */
export interface MergeTable {
  /** The id of each byte. */
  readonly byteIds: readonly number[];
  /** Ids are below. */
  readonly vocab: number;
  /** The rank of the pair (left, right), at left * vocab + right. */
  readonly ranks: ReadonlyMap<number, number>;
  /** The id that a pair becomes, by its rank. */
  readonly merged: ArrayLike<number>;
}

const CACHE_ENTRIES = 1 << 16;
const CACHE_LENGTH = 32;

/** Characters whose pieces are in memory at a time, where the text has white space to be cut at. */
const STRETCH = 1 << 16;

function* stretches(text: string): Generator<string> {
  let start = 0;
  for (let end = STRETCH; end < text.length; end += STRETCH) {
    const cut = safeCut(text, Math.max(start, end - STRETCH), end);
    if (cut < 0) continue;
    yield text.slice(start, cut);
    start = cut;
    end = cut;
  }
  yield text.slice(start);
}

/** A function that appends the ids of a text. Pieces repeat, so their ids are kept. */
export function pieceEncoder(table: MergeTable): (ids: number[], text: string) => void {
  const encodePiece = byteMerger(table);
  const cache = new Map<string, number | readonly number[]>();
  const append = (ids: number[], stretch: string): void => {
    for (const piece of piecesOf(stretch)) {
      let found = cache.get(piece);
      if (found === undefined) {
        const encoded = encodePiece(piece);
        found = encoded.length === 1 ? (encoded[0] as number) : encoded;
        if (cache.size >= CACHE_ENTRIES) cache.clear();
        if (piece.length <= CACHE_LENGTH) cache.set(piece, found);
      }
      if (typeof found === "number") ids.push(found);
      else for (const id of found) ids.push(id);
    }
  };
  return (ids, text) => {
    for (const stretch of stretches(text)) append(ids, stretch);
  };
}

/**
 * Merges the bytes of one piece until no rule applies, in O(n log n): symbols in a linked list, candidate pairs in
 * a heap, as in Hugging Face's `Word::merge_all`.
 */
function byteMerger({ byteIds, vocab, ranks, merged }: MergeTable): (piece: string) => number[] {
  const encoder = new TextEncoder();
  return (piece) => {
    const symbols = Array.from(encoder.encode(piece), (byte) => byteIds[byte] as number);
    const end = symbols.length;
    const next = Int32Array.from({ length: end }, (_, at) => at + 1);
    const previous = Int32Array.from({ length: end }, (_, at) => at - 1);
    const heap = new MinHeap();
    const rankAt = (at: number): number | undefined => {
      const right = next[at] ?? end;
      return right < end
        ? ranks.get((symbols[at] as number) * vocab + (symbols[right] as number))
        : undefined;
    };
    const offer = (at: number): void => {
      const rank = at < 0 ? undefined : rankAt(at);
      // rank first, place second; exact for 2^21 ranks and 2^32 places
      if (rank !== undefined) heap.push(rank * 2 ** 32 + at);
    };
    for (let at = 0; at < end; at++) offer(at);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const at = top % 2 ** 32;
      const rank = Math.floor(top / 2 ** 32);
      // Stale unless the symbols there still make this pair. A swallowed symbol is -1 and makes none.
      if (rankAt(at) !== rank) continue;
      const swallowed = next[at] as number;
      const after = next[swallowed] as number;
      symbols[at] = merged[rank] as number;
      symbols[swallowed] = -1;
      next[at] = after;
      if (after < end) previous[after] = at;
      offer(previous[at] as number);
      offer(at);
    }
    return symbols.filter((symbol) => symbol >= 0);
  };
}

/** A binary heap of numbers, smallest first. */
class MinHeap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((items[parent] as number) <= item) break;
      items[at] = items[parent] as number;
      at = parent;
    }
    items[at] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const item = items.pop();
    if (item === undefined || items.length === 0) return top;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && (items[child + 1] as number) < (items[child] as number)) child++;
      if ((items[child] as number) >= item) break;
      items[at] = items[child] as number;
      at = child;
    }
    items[at] = item;
    return top;
  }
}

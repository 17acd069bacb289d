/** Texts in one row of a call: a tree, whose branches share what they begin with. */
export interface Pack {
  readonly tokens: readonly number[];
  /** Where each token stands in its texts. */
  readonly positions: readonly number[];
  /** The place of the token before it; -1 where a text begins. A token sees itself and what its chain of these reaches. */
  readonly before: readonly number[];
  readonly texts: readonly PackedText[];
}

/** Where the tokens of a text are in the row. */
export interface PackedText {
  /** Index of the text. */
  readonly text: number;
  readonly places: readonly number[];
}

/**
 * Texts as rows of at most `longest` tokens, a longer text as a row of its own. A text joins another where half of it or
 * more is shared: the choices of a question are read after one context, and questions after one set of examples.
 *
 * @example
 * packTexts([[1, 2, 3], [1, 2, 4]], 8);   // one pack: tokens [1, 2, 3, 4], before [-1, 0, 1, 1]
 */
export function packTexts(texts: readonly ArrayLike<number>[], longest: number): Pack[] {
  const order = [...texts.keys()].sort((a, b) => compared(texts[a] ?? [], texts[b] ?? []));
  const packs: Growing[] = [];
  for (const text of order) {
    const own = texts[text] as ArrayLike<number>;
    const last = packs.at(-1);
    const beside = last?.texts.at(-1);
    const shared = beside ? sharedLength(texts[beside.text] as ArrayLike<number>, own) : 0;
    const joins = last && 2 * shared >= own.length && last.tokens.length + own.length - shared <= longest;
    const pack = joins ? last : { tokens: [], positions: [], before: [], texts: [] };
    if (!joins) packs.push(pack);
    const places = joins && beside ? beside.places.slice(0, shared) : [];
    for (let position = places.length; position < own.length; position++) {
      pack.before.push(places.at(-1) ?? -1);
      places.push(pack.tokens.length);
      pack.tokens.push(own[position] as number);
      pack.positions.push(position);
    }
    pack.texts.push({ text, places });
  }
  return packs;
}

interface Growing extends Pack {
  readonly tokens: number[];
  readonly positions: number[];
  readonly before: number[];
  readonly texts: PackedText[];
}

/** By the first token that differs, a beginning before what goes on. */
function compared(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const at = sharedLength(a, b);
  return (a[at] ?? -1) - (b[at] ?? -1);
}

function sharedLength(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

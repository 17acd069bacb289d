// Three cups and a ball. A word like 213 says where each cup goes: the one in place 1 to place 2, and so on; two words in a row are
// one word again. The model reads one word a swap and predicts the word of all so far.

export type Place = 0 | 1 | 2;

/** The words of the six arrangements; the model's token of each is its place here plus one. */
export const words = ["123", "132", "213", "231", "312", "321"] as const;
export type Word = (typeof words)[number];

/** The swaps of two cups. */
export const swaps = ["213", "132", "321"] as const satisfies readonly Word[];
export type Swap = (typeof swaps)[number];

/** Which two places a swap exchanges. */
export const exchanged: Readonly<Record<Swap, readonly [Place, Place]>> = {
  "213": [0, 1],
  "132": [1, 2],
  "321": [0, 2],
};

export const tokenOf = (word: Word): number => 1 + words.indexOf(word);

/** Where a word moves what is in a place. */
export const moved = (word: Word, place: Place): Place => (Number(word[place]) - 1) as Place;

/** Where the ball is before the first swap and after each. */
export function ballPlaces(start: Place, sequence: readonly Swap[]): Place[] {
  const places = [start];
  for (const swap of sequence) places.push(moved(swap, places.at(-1) as Place));
  return places;
}

/** A sequence of so many swaps: the same for the same seed, and no swap right after itself. */
export function drawSwaps(count: number, seed: number): Swap[] {
  // Park and Miller's generator is enough for a game
  let state = (seed % 2147483646) + 1;
  const next = (below: number) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  next(2);
  const sequence: Swap[] = [];
  while (sequence.length < count) {
    const others = swaps.filter((swap) => swap !== sequence.at(-1));
    sequence.push(others[next(others.length)] as Swap);
  }
  return sequence;
}

/** What the model believes after one swap at one depth. */
export interface Belief {
  /** Probability of each place of the ball. */
  readonly places: readonly [number, number, number];
  readonly best: Place;
  readonly isRight: boolean;
}

/** Beliefs [depth][swap] from logits [swaps x vocab] of each depth. */
export function beliefsOf(
  logits: readonly Float32Array[],
  { start, sequence }: { readonly start: Place; readonly sequence: readonly Swap[] },
): Belief[][] {
  const right = ballPlaces(start, sequence).slice(1);
  return logits.map((rows) => {
    const vocab = rows.length / sequence.length;
    return sequence.map((_, at) => {
      const own = Array.from(rows.subarray(at * vocab + 1, at * vocab + 1 + words.length));
      const most = Math.max(...own);
      const weights = own.map((logit) => Math.exp(logit - most));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const places: [number, number, number] = [0, 0, 0];
      for (const [index, word] of words.entries())
        places[moved(word, start)] += (weights[index] ?? 0) / total;
      const best = places.indexOf(Math.max(...places)) as Place;
      return { places, best, isRight: best === right[at] };
    });
  });
}

/** After how many swaps a depth first puts the ball in the wrong place; undefined where it never does. */
export function lostAt(beliefs: readonly Belief[]): number | undefined {
  const first = beliefs.findIndex(({ isRight }) => !isRight);
  return first < 0 ? undefined : first + 1;
}

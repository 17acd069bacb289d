import { angleBetween, difference, normOf, type Rows, rowsOf } from "./rows.ts";

// What a loop does to the state h of each token: numbers by token, [T]. Exit rules know two of them (decode/exits.ts).

/** |h_now - h_before| / |h_before| of each token; infinite where a zero state changes, 0 where nothing does. */
export function relativeChange(before: Rows, now: Rows): Float64Array {
  return byToken([before, now], ([h0, h1]) => ratio(normOf(difference(h1, h0)), normOf(h0)));
}

/**
 * |h_now - 2 h_before + h_earlier| / |h_now| of each token: how much the change itself changed (two-scale latent dynamics,
 * arXiv 2509.23314).
 */
export function secondDifference(earlier: Rows, before: Rows, now: Rows): Float64Array {
  return byToken([earlier, before, now], ([h0, h1, h2]) =>
    ratio(normOf(difference(difference(h2, h1), difference(h1, h0))), normOf(h2)),
  );
}

/** The angle in radians, from 0 to pi, that the state of each token turns by. */
export function angles(before: Rows, now: Rows): Float64Array {
  return byToken([before, now], ([h0, h1]) => angleBetween(h0, h1));
}

/** The norm |h| of each token's state. */
export function norms(now: Rows): Float64Array {
  return byToken([now], ([h]) => normOf(h));
}

type Vectors<Many extends readonly Rows[]> = { [At in keyof Many]: Float64Array };

function byToken<Many extends readonly [Rows, ...Rows[]]>(
  states: Many,
  measure: (vectors: Vectors<Many>) => number,
): Float64Array {
  const rows = states.map(rowsOf);
  return Float64Array.from({ length: states[0].shape[0] as number }, (_, token) =>
    measure(rows.map((one) => one[token] as Float64Array) as unknown as Vectors<Many>),
  );
}

const ratio = (part: number, whole: number): number => (part === 0 ? 0 : part / whole);

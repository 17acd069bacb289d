/** Token 0 of every vocabulary: what fills a row after its problem. */
const filler = "_";

/** Names of tokens by id, and ids by name. */
export interface Vocabulary {
  readonly names: readonly string[];
  /** The ids of some names, in order. */
  ids(...names: readonly (string | number)[]): number[];
}

/** A vocabulary of these names, from id 1 on; the filler is 0. Numbers stand for their digits. */
export function vocabularyOf(...names: readonly (string | number)[]): Vocabulary {
  const all = [filler, ...names.map(String)];
  const places = new Map(all.map((name, id) => [name, id]));
  const idOf = (name: string | number) => places.get(String(name)) as number;
  return { names: all, ids: (...wanted) => wanted.map(idOf) };
}

/** The whole numbers from 0 to `count - 1`. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, value) => value);

/** As many letters, a to z and then A to Z. */
export const letters = (count: number): string[] =>
  [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"].slice(0, count);

import type { LabelledText } from "./labelled.ts";

/** The words of a text: runs of letters and digits, in lower case. */
export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/**
 * Multinomial naive Bayes over bags of words, with one added to every count (Laplace): what a text classifier has to beat.
 * Words that no training text has count nothing.
 *
 * @returns The likeliest class of a text.
 */
export function naiveBayes(texts: readonly LabelledText[]): (text: string) => string {
  const classes = [...new Set(texts.map((text) => text.class))].sort();
  const counts = new Map<string, Float64Array>();
  const totals = new Float64Array(classes.length);
  const shares = new Float64Array(classes.length);
  for (const { text, class: name } of texts) {
    const own = classes.indexOf(name);
    shares[own] = (shares[own] as number) + 1 / texts.length;
    for (const word of wordsOf(text)) {
      const row = counts.get(word) ?? new Float64Array(classes.length);
      row[own] = (row[own] as number) + 1;
      totals[own] = (totals[own] as number) + 1;
      counts.set(word, row);
    }
  }
  return (text) => {
    const scores = shares.map(Math.log);
    for (const word of wordsOf(text)) {
      const row = counts.get(word);
      if (row === undefined) continue;
      for (const [at, total] of totals.entries())
        scores[at] = (scores[at] as number) + Math.log(((row[at] as number) + 1) / (total + counts.size));
    }
    return classes[scores.indexOf(Math.max(...scores))] as string;
  };
}

/** The share of texts whose class is found. */
export const shareRight = (
  texts: readonly LabelledText[],
  classOf: (text: string) => string | undefined,
): number => texts.filter(({ text, class: name }) => classOf(text) === name).length / texts.length;

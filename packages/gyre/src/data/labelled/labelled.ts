/** A text and the class that it belongs to. */
export interface LabelledText {
  readonly text: string;
  readonly class: string;
}

/** What a source of labelled texts holds. */
export interface LabelledTexts {
  readonly texts: readonly LabelledText[];
  /** Where the source has a test part of its own: it is held out, and all of `texts` is trained on. */
  readonly test?: readonly LabelledText[];
  /** Texts without a character that is not white space, left out. */
  readonly empty: number;
}

/** The texts that have something to read, and how many have not. */
export function withoutEmpty(texts: readonly LabelledText[]): { texts: LabelledText[]; empty: number } {
  const filled = texts.filter(({ text }) => text.trim() !== "");
  return { texts: filled, empty: texts.length - filled.length };
}

/** How often each class occurs, in the order of `classes`. */
export const countsOf = (
  classes: readonly string[],
  texts: readonly { readonly class: string }[],
): number[] => classes.map((name) => texts.filter((text) => text.class === name).length);

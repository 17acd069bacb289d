/** Where the rows of a file are, and which field of them is their text. */
export interface RowOptions {
  readonly path: string;
  readonly textKey: string;
  /** The field of what comes before the text, and is read and not learned. */
  readonly promptKey?: string | undefined;
}

/** The text of a row, what comes before it, and its number or that of its line, from 1. */
export interface Row {
  readonly row: number;
  readonly text: string;
  readonly prompt?: string;
}

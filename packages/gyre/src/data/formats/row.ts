/** Where the rows of a file are, and which field of them is their text. */
export interface RowOptions {
  readonly path: string;
  readonly textKey: string;
}

/** The text of a row, and its number or that of its line, from 1. */
export interface Row {
  readonly row: number;
  readonly text: string;
}

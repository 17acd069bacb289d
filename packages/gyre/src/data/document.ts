/** One text of a corpus. `date` is ISO 8601 of any precision ("1790", "2021-04-28"). */
export interface Document {
  readonly name: string;
  readonly date?: string;
  readonly text: string;
}

/** The first and last date of some documents, or undefined when one has no date. */
export function dateRange(documents: readonly Document[]): { from: string; to: string } | undefined {
  const dates = documents.map((document) => document.date).filter((date) => date !== undefined);
  dates.sort();
  const from = dates[0];
  const to = dates.at(-1);
  if (from === undefined || to === undefined || dates.length < documents.length) return undefined;
  return { from, to };
}

/** What a file of text holds: one document, or one a row. */
type Kind = "text" | "jsonl" | "csv" | "parquet";

const kinds: ReadonlyMap<string, Kind> = new Map([
  [".txt", "text"],
  [".md", "text"],
  [".jsonl", "jsonl"],
  [".csv", "csv"],
  [".parquet", "parquet"],
]);

/** The endings of files that a corpus may have. */
export const SUPPORTED_EXTENSIONS: readonly string[] = [...kinds.keys()];

/** Endings that may follow them. */
export const COMPRESSED_EXTENSIONS: readonly string[] = [".gz", ".zst"];

/** What a file's name says of its content. */
export interface Format {
  readonly kind: Kind;
  /** `.gz` or `.zst`, where the name ends so. */
  readonly compression?: string;
}

/** The format that a file's name stands for; nothing where no corpus has such a file. */
export function formatOf(path: string): Format | undefined {
  const [, plain = "", compression] = /^(.*?)(\.gz|\.zst)?$/is.exec(path) ?? [];
  const kind = kinds.get(endingOf(plain));
  if (kind === undefined || compression === undefined) return kind && { kind };
  return { kind, compression: compression.toLowerCase() };
}

/** Whether a file has a document in each row, whose text is in the field `textKey`. */
export const hasRows = (path: string): boolean => (formatOf(path)?.kind ?? "text") !== "text";

function endingOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot).toLowerCase() : "";
}

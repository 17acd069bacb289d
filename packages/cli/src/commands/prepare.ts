import { basename, extname, join } from "node:path";
import process from "node:process";
import type { DatasetManifest } from "gyre";
import {
  type CorpusOptions,
  DEFAULT_VOCAB,
  loadCorpus,
  openCorpus,
  type PrepareProgress,
  prepareDataset,
  type Skipped,
} from "gyre/node";
import { interruptSignal } from "../interrupt.ts";
import { UsageError } from "../options.ts";
import { counted, duration } from "../render/format.ts";
import { StatusLine } from "../render/status-line.ts";

export interface PrepareOptions {
  readonly tokenizer: "bpe" | "gpt2" | "bytes";
  readonly vocab?: number;
  readonly validation: number;
  readonly textKey?: string;
  readonly overwrite?: boolean;
}

/** `gyre prepare`: text to a dataset. */
export async function prepareCommand(
  source: string,
  out: string | undefined,
  options: PrepareOptions,
): Promise<number> {
  const { tokenizer: kind, vocab } = options;
  if (vocab !== undefined && kind !== "bpe")
    throw new UsageError(`--vocab is for --tokenizer bpe; ${kind} has its own vocabulary.`);
  const folder = out ?? join("data", basename(source, extname(source)));
  const status = new StatusLine();
  const signal = interruptSignal();
  try {
    await prepare(source, folder, { ...options, status, signal });
    return 0;
  } catch (error) {
    status.clear();
    if (!signal.aborted) throw error;
    status.print("stopped; nothing was written");
    return 130;
  }
}

async function prepare(
  source: string,
  folder: string,
  options: PrepareOptions & { readonly status: StatusLine; readonly signal: AbortSignal },
): Promise<void> {
  const { tokenizer: kind, vocab, validation, textKey, overwrite = false, status, signal } = options;
  status.update(`reading ${source}`, true);
  const open = source === "sotu" ? loadCorpus : streamCorpus;
  const { documents, skipped } = await open({ source, textKey, signal });
  const { manifest, isNew } = await prepareDataset({
    documents,
    source,
    tokenizer: kind === "bpe" ? { kind, ...(vocab ? { vocab } : {}) } : { kind },
    out: folder,
    validationFraction: validation,
    overwrite,
    onProgress: progressTo(status),
    signal,
  });
  status.clear();
  const entries = manifest.tokenizer.vocab;
  if (isNew && kind === "bpe" && vocab === undefined && entries < DEFAULT_VOCAB)
    status.print(
      `note: the text yields a vocabulary of ${entries} entries, not of the usual ${DEFAULT_VOCAB}`,
    );
  if (!isNew) process.stdout.write(`${folder} is already prepared: the same text, the same options\n`);
  process.stdout.write(summary(manifest, folder, skipped));
}

/** Files are never in memory as a whole. */
async function streamCorpus(options: CorpusOptions) {
  const documents = await openCorpus(options);
  return { documents, skipped: documents.skipped };
}

/** Shows how much is encoded and how long the rest takes. */
function progressTo(status: StatusLine): (progress: PrepareProgress) => void {
  let first: { readonly at: number; readonly done: number } | undefined;
  return ({ done, total }) => {
    first ??= { at: performance.now(), done };
    const perSecond = (1000 * (done - first.done)) / (performance.now() - first.at);
    const left = (total - done) / perSecond;
    if (Number.isFinite(left))
      status.update(`encoding: ${Math.floor((100 * done) / total)} %, ${duration(left)} left`);
  };
}

function summary(
  { tokenizer, train, validation }: DatasetManifest,
  folder: string,
  skipped: Skipped,
): string {
  const row = (name: string, split: DatasetManifest["train"]) => {
    const dates = split.dates ? `  ${split.dates.from} to ${split.dates.to}` : "";
    const perToken = (split.bytes / split.tokens).toFixed(2);
    return `  ${name.padEnd(11)} ${counted(split.documents, "document")}  ${split.tokens.toLocaleString("en")} tokens  ${perToken} bytes/token${dates}`;
  };
  const left = skippedWords(skipped);
  return `${folder}: ${tokenizer.kind} tokenizer, ${tokenizer.vocab.toLocaleString("en")} entries
${row("training", train)}
${row("validation", validation)}
${left === "" ? "" : `  ${"skipped".padEnd(11)} ${left}\n`}next: gyre train ${folder} --out runs/${basename(folder)}
`;
}

/** Endings that the summary names; the rest of them are summed up. */
const NAMED_ENDINGS = 8;

/** What a corpus left out, in words: "2 empty files, 1 symbolic link, 4 other files (3 .png, 1 .csv)"; "" for nothing. */
function skippedWords({ emptyFiles, emptyRows, links, hidden, endings }: Skipped): string {
  const sorted = [...endings].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const total = (list: typeof sorted) => list.reduce((sum, [, count]) => sum + count, 0);
  const rest = total(sorted.slice(NAMED_ENDINGS));
  const named = sorted
    .slice(0, NAMED_ENDINGS)
    .map(([ending, count]) => `${count} ${ending || "without an ending"}`);
  const others = [...named, ...(rest > 0 ? [`${rest} of other endings`] : [])].join(", ");
  return [
    ...(emptyFiles > 0 ? [counted(emptyFiles, "empty file")] : []),
    ...(emptyRows > 0 ? [counted(emptyRows, "empty row")] : []),
    ...(links > 0 ? [`${counted(links, "symbolic link")}, not followed`] : []),
    ...(hidden > 0 ? [`${hidden} hidden`] : []),
    ...(endings.size > 0 ? [`${counted(total(sorted), "other file")} (${others})`] : []),
  ].join("; ");
}

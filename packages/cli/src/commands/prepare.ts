import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import type { DatasetManifest } from "gyre";
import {
  type CorpusStream,
  DEFAULT_VOCAB,
  type PrepareOptions as LibraryOptions,
  loadBpe,
  loadCorpus,
  type MixtureSource,
  openCorpus,
  type PrepareProgress,
  prepareDataset,
  type Skipped,
} from "gyre/node";
import { interruptSignal } from "../interrupt.ts";
import { UsageError } from "../options.ts";
import { counted, duration, short } from "../render/format.ts";
import { StatusLine } from "../render/status-line.ts";
import { parseSources, type Sources, type WeightedPath } from "../sources.ts";

export interface PrepareOptions {
  /** A kind, or the path of a tokenizer that exists already. */
  readonly tokenizer: string;
  readonly vocab?: number;
  readonly validation: number;
  readonly textKey?: string;
  readonly promptKey?: string;
  readonly seed?: number;
  readonly threads?: number;
  readonly overwrite?: boolean;
}

/** `gyre prepare`: text to a dataset. */
export async function prepareCommand(paths: readonly string[], options: PrepareOptions): Promise<number> {
  const { tokenizer: kind, vocab, seed } = options;
  if (vocab !== undefined && kind !== "bpe")
    throw new UsageError(`--vocab is for --tokenizer bpe; ${kind} has its own vocabulary.`);
  const tokenizer = await tokenizerOf(kind, vocab);
  const sources = parseSources(paths);
  if (seed !== undefined && sources.sources.every(({ weight }) => weight === undefined))
    throw new UsageError("--seed is for sources with weights, as in wiki.jsonl@0.7.");
  const status = new StatusLine();
  const signal = interruptSignal();
  try {
    await prepare(sources, { ...options, tokenizer, status, signal });
    return 0;
  } catch (error) {
    status.clear();
    if (!signal.aborted) throw error;
    const isKept = existsSync(`${sources.out}.partial`);
    status.print(
      isKept
        ? `stopped; ${sources.out}.partial keeps what is encoded, and the same command continues from there`
        : "stopped; nothing was written",
    );
    return 130;
  }
}

async function prepare(
  { sources, out }: Sources,
  options: Omit<PrepareOptions, "tokenizer"> & {
    readonly tokenizer: LibraryOptions["tokenizer"];
    readonly status: StatusLine;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { tokenizer, vocab, validation, overwrite = false, threads, status, signal } = options;
  const source = sources.map(({ path, weight }) => (weight ? `${path}@${weight}` : path)).join(" ");
  status.update(`reading ${source}`, true);
  const { documents, skipped } = await openSources(sources, options);
  const { manifest, isNew } = await prepareDataset({
    documents,
    source,
    tokenizer,
    out,
    validationFraction: validation,
    overwrite,
    ...(threads === undefined ? {} : { threads }),
    onProgress: progressTo(status),
    signal,
  });
  status.clear();
  const entries = manifest.tokenizer.vocab;
  const isLearned = tokenizer.kind === "bpe" && !("encode" in tokenizer);
  if (isNew && isLearned && vocab === undefined && entries < DEFAULT_VOCAB)
    status.print(
      `note: the text yields a vocabulary of ${entries} entries, not of the usual ${DEFAULT_VOCAB}`,
    );
  if (!isNew) process.stdout.write(`${out} is already prepared: the same text, the same options\n`);
  process.stdout.write(summary(manifest, out, skipped()));
}

const kinds = ["bpe", "gpt2", "bytes", "characters"] as const;
/** Where a dataset, an exported model and a run have theirs. */
const places = ["", "tokenizer.json", join("extra", "tokenizer.json")];

/** The kind of tokenizer that is named, or the one that is found at a path. Throws UsageError, and what `loadBpe` throws. */
async function tokenizerOf(which: string, vocab: number | undefined): Promise<LibraryOptions["tokenizer"]> {
  const kind = kinds.find((one) => one === which);
  if (kind) return kind === "bpe" ? { kind, ...(vocab ? { vocab } : {}) } : { kind };
  const found = places.map((place) => join(which, place)).find((path) => statSync(path, quiet)?.isFile());
  if (found === undefined)
    throw new UsageError(
      `--tokenizer ${which}: neither bpe, gpt2, bytes or characters, nor a tokenizer.json or a folder with one.`,
    );
  return await loadBpe(found);
}

const quiet = { throwIfNoEntry: false } as const;

/** Files are never in memory as a whole; sources with weights are mixed. What is skipped is known when they have been read. */
async function openSources(
  sources: readonly WeightedPath[],
  {
    textKey,
    promptKey,
    seed,
    signal,
  }: Pick<PrepareOptions, "textKey" | "promptKey" | "seed"> & { readonly signal: AbortSignal },
): Promise<{
  readonly documents: LibraryOptions["documents"];
  readonly skipped: () => readonly Skipped[];
}> {
  if (sources.every(({ weight }) => weight === undefined)) {
    const paths = sources.map(({ path }) => path);
    const source = paths.length === 1 ? (paths[0] ?? "") : paths;
    if (source === "sotu" && promptKey === undefined) {
      const { documents, skipped } = await loadCorpus({ source, textKey, signal });
      return { documents, skipped: () => [skipped] };
    }
    const documents = await openCorpus({ source, textKey, promptKey, signal });
    return { documents, skipped: () => [documents.skipped] };
  }
  const opened: (MixtureSource & { readonly documents: CorpusStream })[] = [];
  for (const { path, weight = 0 } of sources) {
    const keys = path === "sotu" ? {} : { textKey, promptKey };
    const documents = await openCorpus({ source: path, signal, ...keys });
    opened.push({ name: path, weight, documents });
  }
  return {
    documents: { sources: opened, ...(seed === undefined ? {} : { seed }) },
    skipped: () => opened.map(({ documents }) => documents.skipped),
  };
}

/** Shows how much is read, and how much is encoded and how long the rest takes. */
function progressTo(status: StatusLine): (progress: PrepareProgress) => void {
  let first: { readonly at: number; readonly done: number } | undefined;
  return (progress) => {
    if (progress.phase === "learning") return status.update("learning a vocabulary", true);
    if (progress.phase === "reading")
      return status.update(`reading: ${short(progress.done)} characters so far`);
    const { done, total } = progress;
    first ??= { at: performance.now(), done };
    const perSecond = (1000 * (done - first.done)) / (performance.now() - first.at);
    const left = (total - done) / perSecond;
    if (Number.isFinite(left))
      status.update(`encoding: ${Math.floor((100 * done) / total)} %, ${duration(left)} left`);
  };
}

function summary(
  { tokenizer, train, validation, mixture }: DatasetManifest,
  folder: string,
  skipped: readonly Skipped[],
): string {
  const row = (name: string, split: DatasetManifest["train"]) => {
    const dates = split.dates ? `  ${split.dates.from} to ${split.dates.to}` : "";
    const perToken = (split.bytes / split.tokens).toFixed(2);
    return `  ${name.padEnd(11)} ${counted(split.documents, "document")}  ${split.tokens.toLocaleString("en")} tokens  ${perToken} bytes/token${dates}`;
  };
  const shares = (mixture?.sources ?? []).map(({ name, share }, index) => {
    const { tokens = 0, documents = 0 } = train.parts?.[index] ?? {};
    const got = `${percent(tokens / train.tokens)} of the training tokens, ${percent(share)} asked for`;
    return `    ${name}: ${got}, ${counted(documents, "document")}\n`;
  });
  const left = skippedWords(addedUp(skipped));
  return `${folder}: ${tokenizer.kind} tokenizer, ${tokenizer.vocab.toLocaleString("en")} entries
${row("training", train)}
${shares.join("")}${row("validation", validation)}
${left === "" ? "" : `  ${"skipped".padEnd(11)} ${left}\n`}next: gyre train ${folder} --out runs/${basename(folder)}
`;
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

function addedUp(all: readonly Skipped[]): Skipped {
  const sum = { emptyFiles: 0, emptyRows: 0, links: 0, hidden: 0, endings: new Map<string, number>() };
  for (const { endings, ...counts } of all) {
    for (const key of ["emptyFiles", "emptyRows", "links", "hidden"] as const) sum[key] += counts[key];
    for (const [ending, count] of endings) sum.endings.set(ending, (sum.endings.get(ending) ?? 0) + count);
  }
  return sum;
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

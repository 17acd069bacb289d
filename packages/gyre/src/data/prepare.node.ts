import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { sha256Of } from "../util/checksum.node.ts";
import { trainBpe } from "./bpe.node.ts";
import type { BpeTokenizer } from "./bpe.ts";
import { charactersJson, charactersTokenizer } from "./characters.ts";
import type { Document } from "./document.ts";
import { makeWhole, recover } from "./draft.node.ts";
import { type EncodeOptions, encodeSplit } from "./encode.node.ts";
import { openEncoder } from "./encoder.node.ts";
import {
  asWriteError,
  badOption,
  draftDamaged,
  otherDataset,
  otherDraft,
  outputExists,
  sourceChanged,
  tooFewTokens,
} from "./errors.ts";
import { gpt2Tokenizer } from "./gpt2.node.ts";
import { DEFAULT_VOCAB, differences, type Inputs, recordOf, type TokenizerChoice } from "./inputs.node.ts";
import {
  type Journal,
  journalDifferences,
  journalInputs,
  readJournal,
  type SplitProgress,
  writeJournal,
} from "./journal.node.ts";
import { type DatasetManifest, MANIFEST, promptBitOf, type SplitManifest, TOKENIZER } from "./manifest.ts";
import type { Mixture } from "./mixture.ts";
import { openDataset } from "./shards.node.ts";
import { type Inventory, type Side, sharesOf, takeInventory } from "./sides.node.ts";
import type { TextSource } from "./stretches.ts";
import { TokenWriter } from "./token-writer.node.ts";
import { bytesTokenizer, type Tokenizer } from "./tokenizer.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

/** Units of text below which threads are not worth their start. */
const WORTH_THREADS = 2 ** 22;

const MOST_THREADS = 256;

/** How far a preparation has come, in units of a string: files are counted, a tokenizer is learned, and all text is encoded. */
export type PrepareProgress =
  | { readonly phase: "reading"; readonly done: number }
  | { readonly phase: "learning" }
  | { readonly phase: "encoding"; readonly done: number; readonly total: number };

/** What `prepareDataset` reads, how it becomes tokens, and where the dataset goes. */
export interface PrepareOptions {
  /** In memory, or of any size from `openCorpus`: that is read once to count, once to learn, and once to encode; or sources in proportions. */
  readonly documents: readonly Document[] | TextSource | Mixture;
  /** Where the documents come from, in words; goes into the manifest. */
  readonly source: string;
  /** A choice, or a BPE tokenizer that exists already. */
  readonly tokenizer: TokenizerChoice | BpeTokenizer;
  /** Folder to make. */
  readonly out: string;
  readonly validationFraction?: number;
  /** Refuse data of which a split has less than one window of this many tokens. */
  readonly context?: number;
  /** Largest size of one token file, in bytes; default 256 MiB. */
  readonly shardBytes?: number;
  /** Threads that encode; default all cores. The dataset is the same with any number of them. */
  readonly threads?: number;
  /** Replace another dataset at `out`. Anything else that is there is never replaced. */
  readonly overwrite?: boolean;
  /** Called now and then. */
  readonly onProgress?: (progress: PrepareProgress) => void;
  readonly signal?: AbortSignal;
}

/** A dataset, and whether it was made now or was there already. */
export interface Prepared {
  readonly manifest: DatasetManifest;
  readonly isNew: boolean;
}

/**
 * Splits documents, encodes them and writes a dataset folder (manifest.json, train.bin, validation.bin, and
 * tokenizer.json for BPE), which appears whole or not at all. Every document is followed by end of text. A dataset of
 * the same documents and options at `out` is checked and stays as it is. What a process that was killed, or stopped by `signal`, has
 * encoded stays in OUT.partial, and the same documents and options go on from there, to the same dataset. Throws DATA_EXISTS where something else is
 * there, DATA_UNFINISHED where OUT.partial is of other ones, DATA_WRITE, DATA_BUSY, DATA_THREAD, DATA_OPTION, DATA_TOO_SHORT, DATA_CORRUPT, DATA_CHANGED and the errors of `splitDocuments`, `trainBpe` and of reading.
 */
export async function prepareDataset(options: PrepareOptions): Promise<Prepared> {
  const { documents, validationFraction = 0.1, context = 1, signal, onProgress } = options;
  const { shardBytes = 2 ** 28, overwrite = false, threads = availableParallelism() } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS)
    throw badOption("threads", threads, `a whole number from 1 to ${MOST_THREADS}`);
  if (!Number.isInteger(context) || context < 1)
    throw badOption("context", context, "a whole number of at least 1");
  if (!Number.isInteger(shardBytes) || shardBytes < 4) {
    throw badOption("shardBytes", shardBytes, "a whole number of at least 4");
  }
  const out = resolve(options.out);
  await recover(out);
  const isThere = await holdsDataset(out);
  let read = 0;
  const onText = (units: number) => {
    read += units;
    onProgress?.({ phase: "reading", done: read });
  };
  const inventory = await takeInventory(documents, { validationFraction, signal, onText });
  const inputs: Inputs = {
    documents: inventory.checksum,
    tokenizer: options.tokenizer,
    validationFraction,
    shardBytes,
  };
  if (isThere && !overwrite) {
    const { manifest } = await openDataset(out);
    const others = differences(manifest, inputs);
    if (others.length > 0) throw otherDataset(out, others);
    requireWindow(Math.min(manifest.train.tokens, manifest.validation.tokens), context);
    return { manifest, isNew: false };
  }
  const manifest = await makeWhole(out, {
    async isWanted(draft) {
      const journal = await readJournal(draft);
      if (journal === undefined) return false;
      const others = journalDifferences(journal, journalInputs(inputs));
      if (others.length > 0 && !overwrite) throw otherDraft(draft, others);
      return others.length === 0;
    },
    make: (draft) => writeDataset(draft, inventory, { ...options, inputs, context, threads }),
    isKept: async (cause, draft) =>
      signal?.aborted === true && cause === signal.reason && (await readJournal(draft)) !== undefined,
    async replace() {
      signal?.throwIfAborted();
      const isThereNow = await holdsDataset(out);
      if (isThereNow && !overwrite) throw otherDataset(out, ["another process has just made it"]);
      return isThereNow;
    },
  });
  return { manifest, isNew: true };
}

async function writeDataset(
  draft: string,
  inventory: Inventory,
  options: PrepareOptions & { readonly inputs: Inputs; readonly context: number; readonly threads: number },
): Promise<DatasetManifest> {
  const { source, inputs, context, documents, onProgress, signal } = options;
  const { validationFraction } = inputs;
  const begun = await readJournal(draft);
  const tokenizer = await tokenizerOf(draft, begun, { ...options, inventory });
  const json = "json" in tokenizer ? tokenizer.json : undefined;
  const sha256 = json === undefined ? {} : { sha256: sha256Of(json) };
  let journal: Journal = begun ?? {
    version: 1,
    inputs: journalInputs(inputs),
    ...(json === undefined ? {} : { tokenizer: sha256Of(json) }),
  };
  if (begun === undefined) await writeJournal(draft, journal);
  const { kind, vocab, endOfText } = tokenizer;
  const { hasPrompts } = inventory;
  const dtype = vocab <= (hasPrompts ? promptBitOf("uint16") : 2 ** 16) ? "uint16" : "uint32";
  const { train, validation, units: total, isExact } = await inventory.sides(tokenizer);
  await using encoder = openEncoder(tokenizer, total < WORTH_THREADS ? 1 : options.threads);
  let done = 0;
  const encode = async (split: Side, name: "train" | "validation"): Promise<SplitManifest> => {
    const found = await encodeInto(draft, name, {
      ...{ split, encoder, dtype, promptBit: promptBitOf(dtype), inputs, signal, from: journal[name] },
      parts: "sources" in documents ? documents.sources.length : 1,
      onText(units) {
        done += units;
        onProgress?.({ phase: "encoding", done, total });
      },
      async onProgress(progress) {
        journal = { ...journal, [name]: progress };
        await writeJournal(draft, journal);
      },
    });
    const counted = splitManifest(found, split, "sources" in documents);
    requireWindow(counted.tokens, context);
    return counted;
  };
  const manifest: DatasetManifest = {
    version: 1,
    source,
    validationFraction,
    tokenizer: { kind, vocab, endOfText, ...sha256 },
    inputs: recordOf(inputs),
    ...("sources" in documents ? { mixture: mixtureRecord(documents) } : {}),
    dtype,
    ...(hasPrompts ? { hasPrompts } : {}),
    train: await encode(train, "train"),
    validation: await encode(validation, "validation"),
  };
  if (isExact && done !== total) throw sourceChanged(source);
  await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Encodes a split into the token files of a draft, from where the journal says that they have come. */
async function encodeInto(
  draft: string,
  name: "train" | "validation",
  options: Omit<EncodeOptions, "from"> & {
    readonly split: Side;
    readonly dtype: "uint16" | "uint32";
    readonly inputs: Inputs;
    readonly from: SplitProgress | undefined;
  },
): Promise<SplitProgress> {
  const { split, dtype, inputs, from, onText } = options;
  const writer = new TokenWriter(draft, name, { dtype, shardBytes: inputs.shardBytes });
  if (from !== undefined) {
    if (!(await writer.restore(from))) throw draftDamaged(draft);
    onText(from.units);
    if (from.isDone) return from;
  }
  return encodeSplit(split, writer, options);
}

function splitManifest(
  { parts, bytes, files }: SplitProgress,
  { dates }: Side,
  isMixture: boolean,
): SplitManifest {
  return {
    tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
    bytes,
    documents: parts.reduce((sum, { documents }) => sum + documents, 0),
    ...(dates === undefined ? {} : { dates }),
    ...(isMixture ? { parts } : {}),
    files,
  };
}

function requireWindow(tokens: number, context: number): void {
  if (tokens < context + 1) throw tooFewTokens(tokens, context + 1);
}

const mixtureRecord = ({ sources, seed = 0 }: Mixture): NonNullable<DatasetManifest["mixture"]> => {
  const shares = sharesOf(sources);
  return { seed, sources: sources.map(({ name }, index) => ({ name, share: shares[index] ?? 0 })) };
};

/** Whether a dataset is at a path, and not nothing. Throws DATA_EXISTS for what is neither, DATA_WRITE for no place. */
async function holdsDataset(out: string): Promise<boolean> {
  const found = await stat(out).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw asWriteError(out, cause);
  });
  if (found === undefined) return false;
  const names = await readdir(out).catch(() => {
    throw outputExists(out);
  });
  const ours = /^(manifest\.json|tokenizer\.json|(train|validation)(-\d+)?\.bin)$/;
  if (names.length > 0 && !(names.includes(MANIFEST) && names.every((name) => ours.test(name))))
    throw outputExists(out);
  return names.length > 0;
}

/** The tokenizer that a draft has, or a new one, which is written there. */
async function tokenizerOf(
  draft: string,
  begun: Journal | undefined,
  { tokenizer: choice, inventory, onProgress, signal }: PrepareOptions & { readonly inventory: Inventory },
): Promise<Tokenizer | BpeTokenizer> {
  if (begun?.tokenizer !== undefined && !("json" in choice)) {
    const json = await readFile(join(draft, TOKENIZER), "utf8").catch(() => "");
    if (sha256Of(json) !== begun.tokenizer) throw draftDamaged(draft);
    return tokenizerFromJson(json);
  }
  const scratch = join(draft, "learning");
  const isLearned = !("json" in choice) && (choice.kind === "bpe" || choice.kind === "characters");
  if (isLearned) onProgress?.({ phase: "learning" });
  const tokenizer = await makeTokenizer(choice, { texts: () => inventory.texts(), scratch, signal });
  if ("json" in tokenizer) await writeFile(join(draft, TOKENIZER), tokenizer.json);
  return tokenizer;
}

/** The tokenizer of a choice, learned from the texts where it has to be. Throws what `trainBpe` throws. */
export async function makeTokenizer(
  choice: TokenizerChoice | BpeTokenizer,
  {
    texts,
    scratch,
    signal,
  }: {
    readonly texts: () => Promise<AsyncIterable<string>>;
    readonly scratch: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Tokenizer | BpeTokenizer> {
  if ("json" in choice) return choice;
  if (choice.kind === "gpt2") return gpt2Tokenizer();
  if (choice.kind === "bytes") return bytesTokenizer();
  if (choice.kind === "characters") return charactersTokenizer(await charactersJson(await texts()));
  if (choice.kind !== "bpe")
    throw badOption("tokenizer", JSON.stringify(choice), "a kind of bpe, gpt2, bytes or characters");
  const { vocab = DEFAULT_VOCAB } = choice;
  return trainBpe({ texts: await texts(), vocab, canShrink: choice.vocab === undefined, scratch, signal });
}

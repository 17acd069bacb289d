import { execFile } from "node:child_process";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { loadPackage } from "../util/packages.ts";
import { type BpeTokenizer, BYTE_SYMBOLS, bpeJson, bpeTokenizer, type Merge } from "./bpe.ts";
import { asWriteError, badOption, missingPath, tokenizerMismatch, trainerFailed } from "./errors.ts";
import { piecesOf } from "./pieces.ts";
import { END_OF_TEXT, LONE_SURROGATE, type Tokenizer } from "./tokenizer.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

/** What a byte-pair vocabulary is learned from, and how large it becomes. */
export interface TrainBpeOptions {
  readonly texts: Iterable<string> | AsyncIterable<string>;
  /** Entries: 256 bytes, merges, `<|endoftext|>`; at least 257. */
  readonly vocab: number;
  /** Take fewer entries where the texts do not yield as many, instead of throwing DATA_VOCABULARY. */
  readonly canShrink?: boolean;
  /** Folder for what the trainer reads and writes, removed in the end; by default one of the system's. */
  readonly scratch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Learns a byte-level BPE with the Hugging Face trainer, in a child process that ends with `signal`. So that text
 * without white space takes seconds and not hours, pieces are cut after 256 characters, and of such pieces no more
 * than 2^20 characters are read. Throws DATA_OPTION, DATA_VOCABULARY, DATA_WRITE, PACKAGE_MISSING, DATA_TRAINER.
 *
 * @example
 * const tokenizer = await trainBpe({ texts: ["the cat sat on the mat"], vocab: 4096, canShrink: true });
 */
export async function trainBpe(options: TrainBpeOptions): Promise<BpeTokenizer> {
  const { texts, vocab, canShrink = false, scratch, signal } = options;
  if (!Number.isInteger(vocab) || vocab < 257)
    throw badOption("vocab", vocab, "a whole number of at least 257");
  await loadPackage("tokenizers", () => import("tokenizers"));
  if (scratch !== undefined) await mkdir(scratch, { recursive: true });
  const folder = scratch ?? (await mkdtemp(join(tmpdir(), "gyre-bpe-")));
  try {
    const text = join(folder, "text");
    const trained = join(folder, "trained.json");
    const sample = await writeTexts(text, texts, signal).catch((cause: unknown) => {
      throw asWriteError(folder, cause);
    });
    const module = createRequire(import.meta.url).resolve("tokenizers");
    await runTrainer({ module, text, out: trained, signal });
    const { model } = JSON.parse(await readFile(trained, "utf8")) as { model: { merges: Merge[] } };
    const tokenizer = bpeTokenizer(bpeJson(model.merges.map(restoreLines), vocab, { canShrink }));
    await verifyBpe(tokenizer, tokenizer.json, `${sample}${HARD_TEXT}`);
    return tokenizer;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the tokenizer as Hugging Face `tokenizer.json`. */
export async function saveBpe(tokenizer: BpeTokenizer, path: string): Promise<void> {
  await writeFile(path, tokenizer.json);
}

/** Reads a Hugging Face `tokenizer.json` of a byte-level BPE. Throws DATA_PATH, DATA_TOKENIZER. */
export const loadBpe = async (path: string): Promise<BpeTokenizer> =>
  bpeTokenizer(await textOfFile(path), path);

/** Reads a Hugging Face `tokenizer.json` of any kind that gyre knows. Throws DATA_PATH, DATA_TOKENIZER. */
export const loadTokenizerJson = async (path: string): Promise<Tokenizer> =>
  tokenizerFromJson(await textOfFile(path), path);

const textOfFile = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((cause: unknown) => {
    throw missingPath(path, cause);
  });

/** Checks a tokenizer against what `tokenizers` makes of a tokenizer.json. Throws DATA_TOKENIZER_MISMATCH. */
export async function verifyBpe(tokenizer: Tokenizer, json: string, text: string): Promise<void> {
  const { Tokenizer: Native } = await loadPackage("tokenizers", () => import("tokenizers"));
  const expected = (await Native.fromString(json).encode(text)).getIds();
  const ids = tokenizer.encode(text);
  const wrong = expected.findIndex((id, at) => ids[at] !== id);
  if (wrong >= 0 || ids.length !== expected.length) {
    throw tokenizerMismatch(`token ${wrong < 0 ? expected.length : wrong} differs between the two encoders`);
  }
  if (tokenizer.decode(ids) !== text) throw tokenizerMismatch("the decoded text differs from the text");
}

const TRAINER = `
  const [, module, text, out] = process.argv;
  const { BPE, Tokenizer, byteLevelPreTokenizer } = require(module);
  const tokenizer = new Tokenizer(BPE.empty());
  tokenizer.setPreTokenizer(byteLevelPreTokenizer(false));
  tokenizer.train([text]);
  tokenizer.save(out);
`;

/** Trains in a child process: the trainer blocks its thread for seconds and writes blank lines to stdout. */
export async function runTrainer(job: {
  module: string;
  text: string;
  out: string;
  signal?: AbortSignal | undefined;
}): Promise<void> {
  const args = ["-e", TRAINER, job.module, job.text, job.out];
  try {
    await promisify(execFile)(process.execPath, args, { signal: job.signal, maxBuffer: 2 ** 26 });
  } catch (cause) {
    // Ctrl-C reaches the child too, and may end it before this process has taken note
    await setTimeout(isStopped(cause) ? 100 : 0);
    job.signal?.throwIfAborted();
    throw trainerFailed(cause);
  }
}

const isStopped = (cause: unknown): boolean =>
  cause instanceof Error && "signal" in cause && /^SIG(INT|TERM|HUP)$/.test(String(cause.signal));

// The trainer reads line by line, so it would never see two newlines together. A vertical tab is white space
// to the word pattern as a newline is, and ends no line: texts are written with it, one a line, and the
// learned symbols are renamed.
const TAB = BYTE_SYMBOLS[0x0b] as string;
const NEWLINE = BYTE_SYMBOLS[0x0a] as string;

/** Characters of the longest piece that is learned from whole, and of all longer ones together. */
const LONGEST_PIECE = 256;
const MOST_LONG = 2 ** 20;

/** Characters of the first text on which the finished tokenizer is checked. */
const SAMPLE = 20_000;
const HARD_TEXT = `${END_OF_TEXT}\n\n don't\u00a0stop 1234 \u{1f600}\ufeff\u0085 \r\n\t`;

/** Writes what the trainer reads, and returns the start of the first text. */
async function writeTexts(
  path: string,
  texts: Iterable<string> | AsyncIterable<string>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const file = await open(path, "w");
  try {
    let sample: string | undefined;
    let long = MOST_LONG;
    for await (const text of texts) {
      signal?.throwIfAborted();
      sample ??= text.slice(0, SAMPLE).replace(LONE_SURROGATE, "\ufffd");
      const parts = text.replaceAll(END_OF_TEXT, "\n").replaceAll("\n", "\v");
      const { line, left } = cutLongPieces(parts, long);
      long = left;
      await file.writeFile(`${line}\n`);
    }
    return sample ?? "";
  } finally {
    await file.close();
  }
}

/** Ends the trainer's line inside every piece that is too long; leaves out long ones when `left` are used up. */
function cutLongPieces(text: string, left: number): { readonly line: string; readonly left: number } {
  const pieces = piecesOf(text);
  if (!pieces.some((piece) => piece.length > LONGEST_PIECE)) return { line: text, left };
  let rest = left;
  const line = pieces.map((piece) => {
    if (piece.length <= LONGEST_PIECE) return piece;
    const kept = piece.slice(0, rest).match(/.{1,256}/gsu) ?? [];
    rest = Math.max(0, rest - piece.length);
    return `${kept.join("\n")}\n`;
  });
  return { line: line.join(""), left: rest };
}

function restoreLines([left, right]: Merge): Merge {
  return [left.replaceAll(TAB, NEWLINE), right.replaceAll(TAB, NEWLINE)];
}

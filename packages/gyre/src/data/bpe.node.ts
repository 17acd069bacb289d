import { execFile } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { loadPackage } from "../util/packages.ts";
import { type BpeTokenizer, BYTE_SYMBOLS, bpeJson, bpeTokenizer, type Merge } from "./bpe.ts";
import { badOption, missingPath, tokenizerMismatch, trainerFailed } from "./errors.ts";
import { END_OF_TEXT, LONE_SURROGATE, type Tokenizer } from "./tokenizer.ts";

/**
 * Learns a byte-level BPE of `vocab` entries (at least 257: 256 bytes, merges, `<|endoftext|>`) from texts with
 * the Hugging Face trainer, in a child process. Throws DATA_OPTION, DATA_VOCABULARY, PACKAGE_MISSING, DATA_TRAINER.
 */
export async function trainBpe({
  texts,
  vocab,
  signal,
}: {
  texts: readonly string[];
  vocab: number;
  signal?: AbortSignal | undefined;
}): Promise<BpeTokenizer> {
  if (!Number.isInteger(vocab) || vocab < 257)
    throw badOption("vocab", vocab, "a whole number of at least 257");
  await loadPackage("tokenizers", () => import("tokenizers"));
  const folder = await mkdtemp(join(tmpdir(), "gyre-bpe-"));
  try {
    const text = join(folder, "text");
    const trained = join(folder, "trained.json");
    await writeTexts(text, texts);
    const module = createRequire(import.meta.url).resolve("tokenizers");
    await runTrainer({ module, text, out: trained, signal });
    const { model } = JSON.parse(await readFile(trained, "utf8")) as { model: { merges: Merge[] } };
    const tokenizer = bpeTokenizer(bpeJson(model.merges.map(restoreLines), vocab));
    await verifyBpe(tokenizer, tokenizer.json, sample(texts));
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
export async function loadBpe(path: string): Promise<BpeTokenizer> {
  const json = await readFile(path, "utf8").catch((cause: unknown) => {
    throw missingPath(path, cause);
  });
  return bpeTokenizer(json, path);
}

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
    job.signal?.throwIfAborted();
    throw trainerFailed(cause);
  }
}

// The trainer reads line by line, so it would never see two newlines together. A vertical tab is white space
// to the word pattern as a newline is, and ends no line: texts are written with it, one a line, and the
// learned symbols are renamed.
const TAB = BYTE_SYMBOLS[0x0b] as string;
const NEWLINE = BYTE_SYMBOLS[0x0a] as string;

async function writeTexts(path: string, texts: readonly string[]): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const text of texts) {
      await file.writeFile(`${text.replaceAll(END_OF_TEXT, "\n").replaceAll("\n", "\v")}\n`);
    }
  } finally {
    await file.close();
  }
}

function restoreLines([left, right]: Merge): Merge {
  return [left.replaceAll(TAB, NEWLINE), right.replaceAll(TAB, NEWLINE)];
}

function sample(texts: readonly string[]): string {
  const start = (texts[0] ?? "").slice(0, 20_000).replace(LONE_SURROGATE, "\ufffd");
  return `${start}${END_OF_TEXT}\n\n don't\u00a0stop 1234 \u{1f600}\ufeff\u0085 \r\n\t`;
}

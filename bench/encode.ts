import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trainBpe } from "../packages/gyre/src/data/bpe.node.ts";
import { loadCorpus } from "../packages/gyre/src/data/corpus.node.ts";
import { openEncoder } from "../packages/gyre/src/data/encoder.node.ts";
import { sidesDiffer } from "./errors.ts";
import { alternate, round } from "./harness.ts";
import { findTokenizersPython, startPeer } from "./peers/python.ts";

export interface EncodeOptions {
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly print: (text: string) => void;
}

/** How fast text becomes tokens, here and in Hugging Face's tokenizers, with one and the same tokenizer.json. */
export interface EncodeResult {
  readonly threads: number;
  readonly documents: number;
  readonly megabytes: number;
  readonly tokens: number;
  readonly megabytesPerSecond: { readonly gyre: number; readonly tokenizers?: number };
  /** Ours over theirs: above 1 ours is faster. */
  readonly ratio?: number;
}

const vocab = 4096;

/** Encodes the embedded corpus in turn on both sides, in as many threads; nothing is read or written meanwhile. */
export async function benchEncode({ rounds, threads, peer, print }: EncodeOptions): Promise<EncodeResult> {
  const folder = mkdtempSync(join(tmpdir(), "gyre-bench-"));
  try {
    const { documents } = await loadCorpus({ source: "sotu" });
    const texts = documents.map(({ text }) => text);
    const tokenizer = await trainBpe({ texts, vocab });
    const files = { tokenizer: join(folder, "tokenizer.json"), texts: join(folder, "texts.json") };
    writeFileSync(files.tokenizer, tokenizer.json);
    writeFileSync(files.texts, JSON.stringify(texts));
    await using encoder = openEncoder(tokenizer, threads);
    const asked = { script: "encode", flags: [files.tokenizer, files.texts], threads };
    const python = peer ? findTokenizersPython(print) : undefined;
    await using theirs = python === undefined ? null : startPeer(python, { name: "tokenizers", ...asked });
    const tokens = { gyre: 0, tokenizers: 0 };
    const sides = {
      async gyre() {
        const start = performance.now();
        const encoded = await Promise.all(
          texts.map((text) => encoder.encode({ stretches: [{ text, isLast: false }] })),
        );
        const elapsed = performance.now() - start;
        tokens.gyre = encoded.reduce((sum, { ids }) => sum + ids.length, 0);
        return [elapsed];
      },
      async tokenizers() {
        const answer = await theirs?.ask<{ ms: number; tokens: number }>("encode");
        tokens.tokenizers = answer?.tokens ?? tokens.gyre;
        return [answer?.ms ?? 1];
      },
    };
    await alternate(sides, 2);
    print(`encoding: ${rounds} rounds of ${texts.length} documents a side, ${threads} threads`);
    const samples = await alternate(sides, rounds);
    if (tokens.gyre !== tokens.tokenizers) throw sidesDiffer(tokens.gyre, tokens.tokenizers);
    const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
    const speed = (ms: number) => round((1000 * megabytes) / ms, 2);
    const [ours, other] = [samples.gyre.median, samples.tokenizers.median];
    return {
      ...{ threads, documents: texts.length, megabytes: round(megabytes), tokens: tokens.gyre },
      megabytesPerSecond: { gyre: speed(ours), ...(theirs === null ? {} : { tokenizers: speed(other) }) },
      ...(theirs === null ? {} : { ratio: round(other / ours, 2) }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareDataset } from "../packages/gyre/src/data/prepare.node.ts";
import { openDataset } from "../packages/gyre/src/data/shards.node.ts";
import { batch, memorySplit, type TokenSplit } from "../packages/gyre/src/data/windows.ts";
import { benchEncode, type EncodeResult } from "./encode.ts";
import { alternate, type Provenance, round, table } from "./harness.ts";
import { benchLarger, type LargerResult, largerRows } from "./larger.ts";

export interface DataOptions {
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/**
 * How fast text becomes tokens, how many training windows a second come from the files of a dataset, and from memory, and what a training
 * step takes where a dataset is larger than memory.
 */
export interface DataResult {
  readonly bench: "data";
  readonly tokens: number;
  readonly context: number;
  readonly rounds: number;
  readonly windowsPerSecond: { readonly files: number; readonly memory: number };
  readonly encode: EncodeResult;
  readonly larger: LargerResult | null;
  readonly provenance: Provenance;
}

const context = 1024;
const rows = 8;
const batches = 200;
const documents = 16;
const documentBytes = 2 ** 21;

/**
 * Encodes text beside Hugging Face's tokenizers; trains on a dataset larger than memory; draws batches of one of 32 million tokens in turn
 * from its files, which the system caches, and from memory.
 */
export async function benchData(options: DataOptions): Promise<DataResult> {
  const { rounds, threads, peer, provenance, print } = options;
  const encode = await benchEncode({ rounds, threads, peer, print });
  const larger = await benchLarger({ rounds, threads, print });
  const folder = mkdtempSync(join(tmpdir(), "gyre-bench-"));
  try {
    const out = join(folder, "data");
    const text = "The cat sat on the mat, and the dog looked on.\n".repeat(documentBytes / 47);
    await prepareDataset({
      documents: Array.from({ length: documents }, (_, index) => ({
        name: `${index}`,
        text: `${index} ${text}`,
      })),
      source: "made up",
      tokenizer: { kind: "bytes" },
      out,
    });
    const { train } = await openDataset(out);
    const memory = memorySplit(train.read(0, train.length), { bytes: train.bytes });
    const sides = { files: drawing(train), memory: drawing(memory) };
    await alternate(sides, 2);
    print(`timing: ${rounds} rounds of ${batches} batches a side`);
    const samples = await alternate(sides, rounds);
    const perSecond = (ms: number) => round((1000 * rows * batches) / ms, 0);
    const windowsPerSecond = {
      files: perSecond(samples.files.median),
      memory: perSecond(samples.memory.median),
    };
    return {
      bench: "data",
      tokens: train.length,
      context,
      rounds,
      windowsPerSecond,
      encode,
      larger,
      provenance,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of some batches; each call draws the next ones. */
function drawing(split: TokenSplit): () => Promise<number[]> {
  let step = 0;
  return async () => {
    const start = performance.now();
    for (let count = 0; count < batches; count++)
      batch({ split, context, batch: rows, seed: 1, step: step++ });
    return [performance.now() - start];
  };
}

/** The result as a table for people. */
export function dataTable({ windowsPerSecond: { files, memory }, encode, larger }: DataResult): string {
  const { gyre, tokenizers = "-" } = encode.megabytesPerSecond;
  return table([
    [`encoding, ${encode.threads} threads`, "MB/s"],
    ["gyre", gyre],
    ["Hugging Face tokenizers", tokenizers],
    ["ratio", encode.ratio ?? "-"],
    [`windows of ${context} tokens`, "a second"],
    ["from files", files],
    ["from memory", memory],
    ...largerRows(larger),
  ]);
}

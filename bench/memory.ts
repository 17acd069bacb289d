import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { sideFailed } from "./errors.ts";
import { type Provenance, repositoryRoot, round, table } from "./harness.ts";

export interface MemoryOptions {
  readonly threads: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

interface TextSize {
  readonly vocab: number;
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly mlp: number;
  readonly layers: number;
  readonly loops: number;
}

/** What is trained. */
export type MemoryCase =
  | {
      readonly trained: "text";
      readonly family: "gpt" | "tmlt" | "loopformer";
      readonly size: TextSize;
      readonly batch: number;
      readonly recompute: boolean;
    }
  | {
      readonly trained: "prompts";
      readonly size: { readonly width: number; readonly heads: number; readonly loops: number };
      readonly batch: number;
      readonly window: number;
      readonly recompute: boolean;
    };

/** What training was estimated to take, and took; `error` is the estimate's, as a share of the peak. */
interface MemoryRow {
  readonly case: MemoryCase;
  readonly estimatedMiB: number;
  readonly peakMiB: number;
  readonly error: number;
}

/** Estimates of the memory of training beside what it took. */
export interface MemoryResult {
  readonly bench: "memory";
  readonly threads: number;
  readonly rows: readonly MemoryRow[];
  readonly provenance: Provenance;
}

const vocab = 4096;
const prompts = { width: 256, heads: 8, loops: 20 };
const cases: readonly MemoryCase[] = [
  {
    ...{ trained: "text", family: "tmlt", batch: 6, recompute: false },
    size: { vocab, context: 384, width: 320, heads: 10, mlp: 1280, layers: 3, loops: 5 },
  },
  {
    ...{ trained: "text", family: "gpt", batch: 12, recompute: false },
    size: { vocab, context: 256, width: 512, heads: 8, mlp: 2048, layers: 8, loops: 1 },
  },
  {
    ...{ trained: "text", family: "loopformer", batch: 4, recompute: true },
    size: { vocab, context: 1024, width: 192, heads: 6, mlp: 768, layers: 1, loops: 6 },
  },
  {
    ...{ trained: "text", family: "loopformer", batch: 3, recompute: false },
    size: { vocab, context: 1500, width: 128, heads: 4, mlp: 512, layers: 1, loops: 3 },
  },
  { trained: "prompts", size: prompts, batch: 64, window: 15, recompute: false },
  { trained: "prompts", size: prompts, batch: 64, window: 15, recompute: true },
];

/** Trains a few steps of each size in a process of its own, whose peak of resident memory is read. Throws BENCH_SIDE_FAILED. */
export function benchMemory({ threads, provenance, print }: MemoryOptions): MemoryResult {
  const rows = cases.map((one): MemoryRow => {
    print(`training ${nameOf(one)}`);
    const script = join(repositoryRoot, "bench/ours/memory.ts");
    const words = ["--import", "tsx", "--conditions", "@gyre/source", script];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...words, JSON.stringify(one), `${threads}`],
      { encoding: "utf8" },
    );
    if (status !== 0) throw sideFailed("memory", stderr.trim());
    const { estimatedMiB, peakMiB } = JSON.parse(stdout) as Pick<MemoryRow, "estimatedMiB" | "peakMiB">;
    return {
      case: one,
      estimatedMiB: round(estimatedMiB, 0),
      peakMiB: round(peakMiB, 0),
      error: round(estimatedMiB / peakMiB - 1, 3),
    };
  });
  return { bench: "memory", threads, rows, provenance };
}

function nameOf(one: MemoryCase): string {
  const { batch, recompute, trained } = one;
  const how = recompute ? ", recomputing" : "";
  if (trained === "prompts") {
    const { width, loops } = one.size;
    return `prompts: width ${width}, ${loops} loops, window ${one.window}, batch ${batch}${how}`;
  }
  const { width, layers, loops, context } = one.size;
  return `${one.family}: width ${width}, ${layers} x ${loops} layers, ${batch} x ${context} tokens${how}`;
}

/** The result as a table for people. */
export function memoryTable({ rows }: MemoryResult): string {
  const percent = (share: number) => `${share < 0 ? "" : "+"}${Math.round(100 * share)} %`;
  return table([
    ["training", "estimated MiB", "measured MiB", "error"],
    ...rows.map((row) => [nameOf(row.case), row.estimatedMiB, row.peakMiB, percent(row.error)]),
  ]);
}

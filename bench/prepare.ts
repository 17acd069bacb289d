import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCorpus } from "../packages/gyre/src/data/corpus.node.ts";
import { sideFailed } from "./errors.ts";
import { type Provenance, repositoryRoot, round, table } from "./harness.ts";

export interface PrepareOptions {
  readonly mebibytes: number;
  readonly threads: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** What it took to make a dataset of one text file. */
export interface PrepareResult {
  readonly bench: "prepare";
  readonly mebibytes: number;
  readonly threads: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The process's high-water mark, threads included. */
  readonly peakMiB: number;
  readonly tokens: number;
  readonly provenance: Provenance;
}

/**
 * Writes one text file, learns a BPE of 4,096 entries from it and encodes it, in a process of its own whose memory is watched.
 * Throws BENCH_SIDE_FAILED.
 */
export async function benchPrepare({
  mebibytes,
  threads,
  provenance,
  print,
}: PrepareOptions): Promise<PrepareResult> {
  const folder = mkdtempSync(join(tmpdir(), "gyre-bench-"));
  try {
    const source = join(folder, "corpus.txt");
    await writeText(source, mebibytes * 2 ** 20);
    print(`preparing ${mebibytes} MiB with ${threads} threads`);
    const script = join(repositoryRoot, "bench/ours/prepare.ts");
    const words = ["--import", "tsx", "--conditions", "@gyre/source", script];
    const given = [source, join(folder, "out"), `${threads}`];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...words, ...given], {
      encoding: "utf8",
    });
    if (status !== 0) throw sideFailed("prepare", stderr.trim());
    const seen = JSON.parse(stdout) as Pick<PrepareResult, "seconds" | "cpuSeconds" | "peakMiB" | "tokens">;
    return {
      bench: "prepare",
      mebibytes,
      threads,
      seconds: round(seen.seconds),
      cpuSeconds: round(seen.cpuSeconds),
      peakMiB: round(seen.peakMiB, 0),
      tokens: seen.tokens,
      provenance,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The embedded speeches again and again, every line with its number before it, so that no two are the same. */
async function writeText(path: string, bytes: number): Promise<void> {
  const { documents } = await loadCorpus({ source: "sotu" });
  const lines = documents.map(({ text }) => text.split("\n").filter((line) => line !== ""));
  const file = openSync(path, "w");
  let number = 0;
  for (let [written, at] = [0, 0]; written < bytes; at++) {
    const some = lines[at % lines.length] ?? [];
    const text = Buffer.from(some.map((line) => `${number++} ${line}\n`).join(""));
    written += writeSync(file, text, 0, Math.min(text.length, bytes - written));
  }
  closeSync(file);
}

/** The result as a table for people. */
export function prepareTable({
  mebibytes,
  threads,
  seconds,
  cpuSeconds,
  peakMiB,
  tokens,
}: PrepareResult): string {
  return table([
    [`prepare, ${mebibytes} MiB, ${threads} threads`, ""],
    ["seconds", seconds],
    ["of processors", cpuSeconds],
    ["peak MiB", peakMiB],
    ["tokens", tokens],
  ]);
}

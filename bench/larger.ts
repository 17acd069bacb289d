import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type DatasetManifest, MANIFEST } from "../packages/gyre/src/data/manifest.ts";
import { TokenWriter } from "../packages/gyre/src/data/token-writer.node.ts";
import { bytesTokenizer } from "../packages/gyre/src/data/tokenizer.ts";
import { rng } from "../packages/gyre/src/util/rng.ts";
import { median } from "../packages/gyre/src/util/statistics.ts";
import { type BenchConfig, configs } from "./configs.ts";
import { alternate, repositoryRoot, round } from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import type { DatasetSteps } from "./ours/dataset-steps.ts";

/** Memory of each training, the files that the system keeps for it included. */
const memoryMiB = 1024;
/** Datasets that fit into it, and do not. */
const datasetMiB = { small: 64, large: 2048 };
type Side = keyof typeof datasetMiB;

/** Sizes that are trained, and their steps in a turn: XS has so little to compute that reading shows. */
const sizes = {
  S: { config: configs.S, steps: 4 },
  XS: { config: { ...configs.XS, vocab: 257 }, steps: 100 },
} as const;

/** A training step from a dataset larger than the memory that the process may use, in turn with one from a small dataset. */
export interface LargerResult {
  readonly memoryMiB: number;
  readonly datasetMiB: Readonly<Record<Side, number>>;
  readonly sizes: Readonly<Record<keyof typeof sizes, SizeResult>>;
}

interface SizeResult {
  readonly msPerStep: Readonly<Record<Side, number>>;
  /** The small dataset's median step over the large one's: 1 is the same speed. */
  readonly ratio: number;
  /** What came from the disk, and not from memory. */
  readonly readKiBPerStep: Readonly<Record<Side, number>>;
  readonly peakMiB: Readonly<Record<Side, number>>;
}

/** Trains under a limit on memory that the large dataset is twice; null where the system lets nobody set one. Throws BENCH_SIDE_FAILED. */
export async function benchLarger({
  rounds,
  threads,
  print,
}: {
  readonly rounds: number;
  readonly threads: number;
  readonly print: (text: string) => void;
}): Promise<LargerResult | null> {
  const groups = { small: limitGroup("small"), large: limitGroup("large") };
  const { small, large } = groups;
  const folder = mkdtempSync(join(tmpdir(), "gyre-bench-"));
  try {
    if (small === undefined || large === undefined) {
      print("no limit on memory can be set here: training from a large dataset is left out");
      return null;
    }
    print(`writing ${datasetMiB.large} MiB of tokens; ${rounds} rounds of steps within ${memoryMiB} MiB`);
    for (const side of ["small", "large"] as const) await writeDataset(join(folder, side), datasetMiB[side]);
    const result = async (size: keyof typeof sizes) => {
      const { config, steps } = sizes[size];
      await using ours = open(config, { folder: join(folder, "small"), group: small, threads });
      await using theirs = open(config, { folder: join(folder, "large"), group: large, threads });
      return await compared({ small: ours, large: theirs }, { rounds, steps });
    };
    return { memoryMiB, datasetMiB, sizes: { S: await result("S"), XS: await result("XS") } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    for (const group of Object.values(groups)) if (group) rmdirSync(group);
  }
}

async function compared(
  processes: Readonly<Record<Side, LineProcess>>,
  { rounds, steps }: { readonly rounds: number; readonly steps: number },
): Promise<SizeResult> {
  const reads: Record<Side, number[]> = { small: [], large: [] };
  const peaks = { small: 0, large: 0 };
  const turn = (side: Side) => async () => {
    const { ms, readKiB, peakMiB } = await processes[side].ask<DatasetSteps>(`${steps}`);
    reads[side].push(readKiB / steps);
    peaks[side] = round(peakMiB, 0);
    return ms;
  };
  const sides = { small: turn("small"), large: turn("large") };
  await alternate(sides, 1);
  for (const side of Object.values(reads)) side.length = 0;
  const { small, large } = await alternate(sides, rounds);
  return {
    msPerStep: { small: round(small.median, 2), large: round(large.median, 2) },
    ratio: round(small.median / large.median, 3),
    readKiBPerStep: { small: round(median(reads.small)), large: round(median(reads.large)) },
    peakMiB: peaks,
  };
}

function open(
  config: BenchConfig,
  { folder, group, threads }: { readonly folder: string; readonly group: string; readonly threads: number },
): LineProcess {
  const script = join(repositoryRoot, "bench/ours/dataset-steps.ts");
  const node = [process.execPath, "--import", "tsx", "--conditions", "@gyre/source", script];
  const args = [
    "-c",
    `echo $$ > "${group}/cgroup.procs" && exec "$@"`,
    "bash",
    ...node,
    JSON.stringify(config),
    folder,
    `${threads}`,
  ];
  return new LineProcess({ name: "gyre", command: "bash", args });
}

/** Where Linux keeps control groups, in either version, and the file of one that limits its memory. */
const controllers = [
  ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
  ["/sys/fs/cgroup", "memory.max"],
] as const;

/** A control group of so much memory; undefined where none can be made. */
function limitGroup(name: string): string | undefined {
  for (const [root, file] of controllers) {
    const group = join(root, `gyre-bench-${process.pid}-${name}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    if (existsSync(join(group, file))) {
      writeFileSync(join(group, file), `${memoryMiB * 2 ** 20}`);
      return group;
    }
    rmdirSync(group);
  }
  return undefined;
}

/** Tokens drawn at random, in files of a dataset that are on the disk and no longer in memory. */
async function writeDataset(folder: string, mebibytes: number): Promise<void> {
  mkdirSync(folder);
  const { kind, vocab, endOfText } = bytesTokenizer();
  const chunk = 2 ** 19;
  const random = rng(1, "larger");
  const tokens = Uint32Array.from({ length: chunk }, () => random.below(256));
  const split = async (name: "train" | "validation", chunks: number): Promise<DatasetManifest["train"]> => {
    const writer = new TokenWriter(folder, name, { dtype: "uint16", shardBytes: 2 ** 28 });
    for (let count = 0; count < chunks; count++) await writer.append(tokens);
    const length = chunks * chunk;
    return { tokens: length, bytes: length, documents: 1, files: await writer.finish() };
  };
  const manifest: DatasetManifest = {
    version: 1,
    source: "drawn at random",
    validationFraction: 0.5,
    tokenizer: { kind, vocab, endOfText },
    dtype: "uint16",
    train: await split("train", mebibytes),
    validation: await split("validation", 1),
  };
  writeFileSync(join(folder, MANIFEST), JSON.stringify(manifest));
  for (const name of readdirSync(folder))
    execFileSync("dd", [
      `of=${join(folder, name)}`,
      "oflag=nocache",
      "conv=notrunc,fdatasync",
      "count=0",
      "status=none",
    ]);
}

/** Rows of a table for people. */
export function largerRows(result: LargerResult | null): (readonly (string | number)[])[] {
  if (result === null) return [];
  const { large, small } = result.datasetMiB;
  return [
    [`training within ${result.memoryMiB} MiB, from ${small} and ${large} MiB`, "ms/step", "", "ratio"],
    ...Object.entries(result.sizes).map(([name, { msPerStep, ratio }]) => [
      name,
      msPerStep.small,
      msPerStep.large,
      ratio,
    ]),
  ];
}

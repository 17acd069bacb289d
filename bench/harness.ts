import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../packages/gyre/src/util/statistics.ts";

export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Times of one side, in milliseconds and in the order they were taken. */
export interface Sample {
  readonly median: number;
  readonly best: number;
  readonly all: readonly number[];
}

/** Runs every side once per round, in turn, so that a busy minute of the machine falls on all of them alike. */
export async function alternate<K extends string>(
  sides: Readonly<Record<K, () => Promise<readonly number[]>>>,
  rounds: number,
): Promise<Record<K, Sample>> {
  const names = Object.keys(sides) as K[];
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) times.get(name)?.push(...(await sides[name]()));
  }
  const samples = [...times].map(([name, all]) => [
    name,
    { median: median(all), best: Math.min(...all), all },
  ]);
  return Object.fromEntries(samples) as Record<K, Sample>;
}

/** Our side in turn with PyTorch's; alone where there is no PyTorch. */
export async function alternateWithPeer(
  ours: () => Promise<readonly number[]>,
  pytorch: (() => Promise<readonly number[]>) | null,
  rounds: number,
): Promise<{ readonly ours: Sample; readonly pytorch?: Sample }> {
  return pytorch === null ? await alternate({ ours }, rounds) : await alternate({ ours, pytorch }, rounds);
}

/** PyTorch's time over ours, of medians and of bests; above 1 ours is faster. Null without PyTorch. */
export function ratiosOf({ ours, pytorch }: { readonly ours: Sample; readonly pytorch?: Sample }) {
  return {
    ratio: pytorch ? round(pytorch.median / ours.median, 3) : null,
    ratioBest: pytorch ? round(pytorch.best / ours.best, 3) : null,
  };
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly onnxruntime: string;
}

/** What the numbers depend on; no host name and no path. */
export function machine(): Machine {
  const manifest = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    onnxruntime: version,
  };
}

/** The short commit, with `-dirty` when tracked or new files (other than results) differ from it. */
function commit(): string {
  const git = (...args: string[]) => spawnSync("git", args, { cwd: repositoryRoot, encoding: "utf8" });
  const head = git("rev-parse", "--short", "HEAD");
  if (head.status !== 0) return "none";
  const changes = git("status", "--porcelain", "--", ".", ":!bench/results").stdout.trim();
  return head.stdout.trim() + (changes === "" ? "" : "-dirty");
}

export interface Provenance {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: Machine;
}

export function provenance(args: readonly string[]): Provenance {
  const command = ["npm run bench --", ...args].join(" ");
  return { command, commit: commit(), date: new Date().toISOString(), machine: machine() };
}

/** Writes bench/results/`name`.json and returns its path from the root of the repository. */
export function writeResult(
  name: string,
  result: object,
  directory = join(repositoryRoot, "bench/results"),
): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return `bench/results/${name}.json`;
}

/** Rounds to `digits` decimals; JSON that people read needs no more. */
export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** A plain text table: the first column to the left, the others to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String));
  const columns = Math.max(0, ...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return cells.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

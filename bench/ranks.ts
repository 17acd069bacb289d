import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findLauncher } from "../packages/cli/src/start-ranks.ts";
import { median } from "../packages/gyre/src/util/statistics.ts";
import { type BenchConfig, configs } from "./configs.ts";
import { launcherMissing, sideFailed } from "./errors.ts";
import { alternate, type Provenance, repositoryRoot, round, type Sample, table } from "./harness.ts";
import type { RankSteps } from "./ours/rank-steps.ts";
import { findPython, peerEnvironment } from "./peers/python.ts";

export interface RanksOptions {
  readonly rounds: number;
  readonly peer: boolean;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

interface SideResult {
  readonly msPerStep: number;
  readonly msBest: number;
  /** Of ranks: the share of the fastest step that was spent adding up and waiting for each other, and of the median one. */
  readonly communicationShare?: { readonly best: number; readonly median: number };
}

/** The other side's time over that of gyre's two ranks: `ratios` are of the medians, `ratiosBest` of the fastest steps. */
export interface RanksResult {
  readonly bench: "ranks";
  readonly ratios: Readonly<Record<RatioName, number | null>>;
  readonly ratiosBest: Readonly<Record<RatioName, number | null>>;
  readonly sides: Readonly<Record<string, SideResult>>;
  /** Processes that wanted a core, over the minute before and the last one: above the number of cores, times are of a busy machine. */
  readonly load: readonly [number, number];
  readonly rounds: number;
  readonly sizes: Readonly<Record<string, BenchConfig>>;
  readonly provenance: Provenance;
}

type RatioName = "S" | "width64" | "ddp";

const WARMUP_STEPS = 2;
const STEPS_PER_TURN = 4;
const TIME_LIMIT_MS = 300_000;

const sizes = { S: configs.S, width64: { ...configs.S, width: 64, heads: 4, mlp: 256 } };

/**
 * Times two ranks of one thread each against one process of two threads, and against PyTorch's DDP. Each side is started for its turn and has
 * ended before the next begins: ranks that wait for each other keep their cores busy. Throws BENCH_LAUNCHER_MISSING, BENCH_SIDE_FAILED.
 */
export async function benchRanks({ rounds, peer, provenance, print }: RanksOptions): Promise<RanksResult> {
  const launcher = findLauncher();
  if (!launcher) throw launcherMissing();
  const python = peer ? findPython(print) : undefined;
  const loadBefore = loadavg()[0] as number;
  const communication = new Map<string, number[][]>();
  const ours = (name: string, size: BenchConfig, ranks: 1 | 2) => async () => {
    const start = ranks === 1 ? [] : [launcher.command, ...launcher.words(ranks)];
    const words = [...start, ...oursCommand(size, { threads: ranks === 1 ? 2 : 1 })];
    const seen = await turn<RankSteps>(name, words, launcher.environment);
    const shares = seen.ms.map((ms, step) => [ms, (seen.communicationMs[step] as number) / ms]);
    communication.set(name, [...(communication.get(name) ?? []), ...shares]);
    return seen.ms;
  };
  const sides: Record<string, () => Promise<readonly number[]>> = {};
  for (const [name, size] of Object.entries(sizes)) {
    sides[`${name}, 1 process x 2 threads`] = ours(`${name}, 1 process x 2 threads`, size, 1);
    sides[`${name}, 2 ranks x 1 thread`] = ours(`${name}, 2 ranks x 1 thread`, size, 2);
  }
  const ddp = "S, PyTorch DDP, 2 x 1 thread";
  if (python !== undefined)
    sides[ddp] = async () => (await turn<RankSteps>(ddp, ddpCommand(python), peerEnvironment(1))).ms;
  print(`${rounds} rounds of ${WARMUP_STEPS} + ${STEPS_PER_TURN} steps a side, one side at a time`);
  const samples = await alternate(sides, rounds);
  const ratiosOf = (time: (sample: Sample) => number) => {
    const of = (side: string, than: string) => {
      const [their, our] = [samples[side], samples[than]];
      return their && our ? round(time(their) / time(our), 3) : null;
    };
    const against = (name: string) => of(`${name}, 1 process x 2 threads`, `${name}, 2 ranks x 1 thread`);
    return { S: against("S"), width64: against("width64"), ddp: of(ddp, "S, 2 ranks x 1 thread") };
  };
  return {
    bench: "ranks",
    ratios: ratiosOf((sample) => sample.median),
    ratiosBest: ratiosOf(({ best }) => best),
    sides: Object.fromEntries(
      Object.entries(samples).map(([name, sample]) => [
        name,
        sideResult(sample, name.includes("ranks") ? communication.get(name) : undefined),
      ]),
    ),
    load: [round(loadBefore), round(loadavg()[0] as number)],
    rounds,
    sizes,
    provenance,
  };
}

function oursCommand(size: BenchConfig, { threads }: { readonly threads: number }): string[] {
  const script = join(repositoryRoot, "bench/ours/rank-steps.ts");
  const node = [process.execPath, "--import", "tsx", "--conditions", "@gyre/source", script];
  return [...node, "--config", JSON.stringify(size), "--threads", `${threads}`, ...lengthWords];
}

const lengthWords = ["--warmup", `${WARMUP_STEPS}`, "--steps", `${STEPS_PER_TURN}`];

function ddpCommand(python: string): string[] {
  const script = join(repositoryRoot, "bench/peers/ddp.py");
  const parts = ["--ranks", "2", "--threads", "1", ...lengthWords];
  return [python, script, "--config", JSON.stringify(sizes.S), ...parts];
}

/** Starts a side, waits until it has ended, and returns the JSON of its last line. */
async function turn<Seen>(name: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<Seen> {
  const [command = "", ...rest] = words;
  const child = spawn(command, rest, { env, cwd: repositoryRoot, timeout: TIME_LIMIT_MS });
  let [output, complaint] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr
    .setEncoding("utf8")
    .on("data", (text: string) => (complaint = (complaint + text).slice(-2000)));
  child.on("error", (error) => (complaint += error.message));
  const [code] = (await once(child, "close")) as [number | null];
  const line = output.trim().split("\n").at(-1) ?? "";
  if (code !== 0 || line === "") throw sideFailed(name, complaint.trim() || `it ended with ${code}`);
  return JSON.parse(line) as Seen;
}

function sideResult(sample: Sample, shares: readonly number[][] | undefined): SideResult {
  const times = { msPerStep: round(sample.median, 2), msBest: round(sample.best, 2) };
  if (!shares) return times;
  const best = shares.find(([ms]) => ms === sample.best)?.[1] ?? 0;
  const middle = median(shares.map(([, share]) => share as number));
  return { ...times, communicationShare: { best: round(best, 3), median: round(middle, 3) } };
}

/** The result as a table for people. */
export function ranksTable({ sides, ratios, ratiosBest, load }: RanksResult): string {
  const percent = (share: number | undefined) =>
    share === undefined ? "-" : `${(100 * share).toFixed(1)} %`;
  const rows = Object.entries(sides).map(([name, side]) => [
    name,
    side.msPerStep,
    side.msBest,
    percent(side.communicationShare?.median),
    percent(side.communicationShare?.best),
  ]);
  const ratio = (name: RatioName) => `${name} ${ratios[name] ?? "-"} (${ratiosBest[name] ?? "-"})`;
  return [
    table([["ranks", "ms/step", "best", "communicating", "of the best"], ...rows]),
    `time of the other side / of 2 ranks, median (best): ${(["S", "width64", "ddp"] as const).map(ratio).join(", ")}`,
    `load of the machine: ${load[0]} before, ${load[1]} at the end`,
  ].join("\n");
}

import { join } from "node:path";
import { type BenchConfig, type ConfigName, configs, flopsPerStep } from "./configs.ts";
import { alternate, type Provenance, repositoryRoot, round, type Sample, table } from "./harness.ts";
import { LineProcess, type LineProcessOptions } from "./line-process.ts";
import { findPython, startPeer } from "./peers/python.ts";
import { type SgemmRate, sgemmRates } from "./sgemm.ts";

export interface TrainOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly recompute: boolean;
  readonly peer: boolean;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** One side's training step. `baselineMiB` is interpreter and library before there is a model, part of `peakMiB`. */
interface StepResult {
  readonly msPerStep: number;
  readonly msBest: number;
  readonly gflops: number;
  readonly peakMiB: number | null;
  readonly baselineMiB: number | null;
  readonly loss: number;
}

interface PeerResult extends StepResult {
  readonly version: string;
  readonly dtype: string;
}

/** PyTorch as it is, and under bfloat16 autocast. */
const dtypes = { pytorch: "float32", pytorchBfloat16: "bfloat16" } as const;
type PeerName = keyof typeof dtypes;
const peerNames = Object.keys(dtypes) as PeerName[];

/** `ratio` is PyTorch's time over ours, of the medians; above 1 ours is faster. `ratioBfloat16` is that of its bfloat16 autocast. */
export interface TrainResult {
  readonly bench: "train";
  readonly config: ConfigName;
  readonly ours: StepResult;
  readonly peers: Readonly<Record<PeerName, PeerResult | null>>;
  readonly sgemmPeakGflops: number | null;
  readonly ratio: number | null;
  readonly ratioBest: number | null;
  readonly ratioBfloat16: number | null;
  readonly ratioBfloat16Best: number | null;
  readonly sgemm: readonly SgemmRate[];
  readonly size: BenchConfig;
  readonly threads: number;
  readonly recompute: boolean;
  readonly rounds: number;
  readonly provenance: Provenance;
}

const WARMUP_STEPS = 3;
const STEPS_PER_TURN = 2;

/** Times gyre's LoopFormer training step in turn with PyTorch's in float32 and in bfloat16, each in a process of its own. */
export async function benchTrain(options: TrainOptions): Promise<TrainResult> {
  const { print, threads, rounds } = options;
  const size = configs[options.config];
  const python = options.peer ? findPython(print) : undefined;
  const sgemm = python === undefined ? [] : await sgemmRates(python, threads, print);
  await using ours = new LineProcess(oursCommand(size, options));
  const peer = (dtype: string) => {
    const flags = ["--config", JSON.stringify(size), "--threads", String(threads), "--dtype", dtype];
    const asked = { name: `PyTorch ${dtype}`, script: "loopformer", flags, threads };
    return python === undefined ? null : startPeer(python, asked);
  };
  await using pytorch = peer(dtypes.pytorch);
  await using pytorchBfloat16 = peer(dtypes.pytorchBfloat16);
  const sides = { ours, ...(pytorch && pytorchBfloat16 ? { pytorch, pytorchBfloat16 } : {}) };

  print(`warming up, then ${rounds} rounds of ${STEPS_PER_TURN} steps each`);
  for (const side of Object.values(sides)) await steps(side, WARMUP_STEPS);
  const turns = Object.entries(sides).map(
    ([name, side]) => [name, async () => (await steps(side, STEPS_PER_TURN)).ms] as const,
  );
  const samples = await alternate(Object.fromEntries(turns), rounds);

  const mine = await stepResult(ours, samples["ours"] as Sample, size);
  const peers = {
    pytorch: await peerResult(pytorch, samples["pytorch"], { size, dtype: dtypes.pytorch }),
    pytorchBfloat16: await peerResult(pytorchBfloat16, samples["pytorchBfloat16"], {
      size,
      dtype: dtypes.pytorchBfloat16,
    }),
  };
  const ratio = (peer: PeerName, time: "msPerStep" | "msBest") => {
    const their = peers[peer]?.[time];
    return their === undefined ? null : round(their / mine[time], 3);
  };
  return {
    bench: "train",
    config: options.config,
    ours: mine,
    peers,
    sgemmPeakGflops: sgemm.length === 0 ? null : round(Math.max(...sgemm.map((rate) => rate.gflops))),
    ratio: ratio("pytorch", "msPerStep"),
    ratioBest: ratio("pytorch", "msBest"),
    ratioBfloat16: ratio("pytorchBfloat16", "msPerStep"),
    ratioBfloat16Best: ratio("pytorchBfloat16", "msBest"),
    sgemm,
    size,
    threads,
    recompute: options.recompute,
    rounds,
    provenance: options.provenance,
  };
}

function oursCommand(size: BenchConfig, options: TrainOptions): LineProcessOptions {
  const script = join(repositoryRoot, "bench/ours/train-step.ts");
  const sides = ["--config", JSON.stringify(size), "--threads", String(options.threads)];
  if (options.recompute) sides.push("--recompute");
  const args = ["--import", "tsx", "--conditions", "@gyre/source", script, ...sides];
  return { name: "gyre", command: process.execPath, args };
}

interface StepsAnswer {
  readonly ms: readonly number[];
  readonly loss: number;
}

async function steps(side: LineProcess, count: number): Promise<StepsAnswer> {
  return await side.ask<StepsAnswer>(`step ${count}`);
}

interface PeakAnswer {
  readonly peakMiB: number | null;
  readonly baselineMiB: number | null;
}

async function stepResult(side: LineProcess, sample: Sample, size: BenchConfig): Promise<StepResult> {
  const { peakMiB, baselineMiB } = await side.ask<PeakAnswer>("peak");
  const { loss } = await steps(side, 1);
  return {
    msPerStep: round(sample.median, 2),
    msBest: round(sample.best, 2),
    gflops: round(flopsPerStep(size) / sample.median / 1e6),
    peakMiB: peakMiB === null ? null : round(peakMiB),
    baselineMiB: baselineMiB === null ? null : round(baselineMiB),
    loss: round(loss, 4),
  };
}

async function peerResult(
  side: LineProcess | null,
  sample: Sample | undefined,
  { size, dtype }: { readonly size: BenchConfig; readonly dtype: string },
): Promise<PeerResult | null> {
  if (side === null || sample === undefined) return null;
  const { version } = await side.ask<{ version: string }>("version");
  return { version, dtype, ...(await stepResult(side, sample, size)) };
}

/** The result as a table for people. */
export function trainTable(result: TrainResult): string {
  const row = (name: string, side: StepResult) => {
    const peak =
      result.sgemmPeakGflops === null ? "-" : `${Math.round((100 * side.gflops) / result.sgemmPeakGflops)} %`;
    const memory = [side.peakMiB ?? "-", side.baselineMiB ?? "-"];
    return [name, side.msPerStep, side.msBest, side.gflops, peak, ...memory];
  };
  const peers = peerNames.flatMap((name) => result.peers[name] ?? []);
  const rows = [
    [`train ${result.config}`, "ms/step", "best", "GFLOP/s", "of sgemm", "peak MiB", "before model"],
    row("gyre", result.ours),
    ...peers.map((peer) => row(`PyTorch ${peer.version} ${peer.dtype}`, peer)),
  ];
  const sgemm = result.sgemm.map((rate) => `sgemm, ${rate.library}: ${round(rate.gflops)} GFLOP/s`);
  const ratio =
    result.ratio === null
      ? "no peer, no ratio"
      : `PyTorch's time / ours: ${result.ratio} in float32, ${result.ratioBfloat16} under bfloat16 autocast`;
  return [table(rows), ...sgemm, ratio].join("\n");
}

import { join } from "node:path";
import { type BenchConfig, type ConfigName, configs, flopsPerStep } from "./configs.ts";
import { alternate, type Provenance, repositoryRoot, round, type Sample, table } from "./harness.ts";
import { LineProcess, type LineProcessOptions } from "./line-process.ts";
import { findPython, peerEnvironment } from "./peers/python.ts";
import { type SgemmRate, sgemmRates } from "./sgemm.ts";

export interface TrainOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly recompute: boolean;
  readonly peer: boolean;
  readonly peerDtype: "float32" | "bfloat16";
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

/** `ratio` is PyTorch's time over ours, of the medians; above 1 ours is faster. */
export interface TrainResult {
  readonly bench: "train";
  readonly config: ConfigName;
  readonly ours: StepResult;
  readonly peers: { readonly pytorch: PeerResult | null };
  readonly sgemmPeakGflops: number | null;
  readonly ratio: number | null;
  readonly ratioBest: number | null;
  readonly sgemm: readonly SgemmRate[];
  readonly size: BenchConfig;
  readonly threads: number;
  readonly recompute: boolean;
  readonly rounds: number;
  readonly provenance: Provenance;
}

const WARMUP_STEPS = 3;
const STEPS_PER_TURN = 2;

/** Times gyre's LoopFormer training step in turn with PyTorch's, each in a process of its own. */
export async function benchTrain(options: TrainOptions): Promise<TrainResult> {
  const { print, threads, rounds } = options;
  const size = configs[options.config];
  const python = options.peer ? findPython(print) : undefined;
  const sgemm = python === undefined ? [] : await sgemmRates(python, threads, print);
  await using ours = new LineProcess(oursCommand(size, options));
  await using peer = python === undefined ? null : new LineProcess(peerCommand(python, size, options));

  print(`warming up, then ${rounds} rounds of ${STEPS_PER_TURN} steps each`);
  await steps(ours, WARMUP_STEPS);
  if (peer !== null) await steps(peer, WARMUP_STEPS);
  const turn = (side: LineProcess) => async () => (await steps(side, STEPS_PER_TURN)).ms;
  const samples: { readonly ours: Sample; readonly pytorch?: Sample } =
    peer === null
      ? await alternate({ ours: turn(ours) }, rounds)
      : await alternate({ ours: turn(ours), pytorch: turn(peer) }, rounds);

  const mine = await stepResult(ours, samples.ours, size);
  const theirs =
    peer === null || samples.pytorch === undefined ? null : await peerResult(peer, samples.pytorch, options);
  return {
    bench: "train",
    config: options.config,
    ours: mine,
    peers: { pytorch: theirs },
    sgemmPeakGflops: sgemm.length === 0 ? null : round(Math.max(...sgemm.map((rate) => rate.gflops))),
    ratio: theirs === null ? null : round(theirs.msPerStep / mine.msPerStep, 3),
    ratioBest: theirs === null ? null : round(theirs.msBest / mine.msBest, 3),
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

function peerCommand(python: string, size: BenchConfig, options: TrainOptions): LineProcessOptions {
  const script = join(repositoryRoot, "bench/peers/loopformer.py");
  const sides = ["--config", JSON.stringify(size), "--threads", String(options.threads)];
  const args = [script, ...sides, "--dtype", options.peerDtype];
  return { name: "PyTorch", command: python, args, env: peerEnvironment(options.threads) };
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

async function peerResult(side: LineProcess, sample: Sample, options: TrainOptions): Promise<PeerResult> {
  const { version } = await side.ask<{ version: string }>("version");
  return { version, dtype: options.peerDtype, ...(await stepResult(side, sample, configs[options.config])) };
}

/** The result as a table for people. */
export function trainTable(result: TrainResult): string {
  const row = (name: string, side: StepResult) => {
    const peak =
      result.sgemmPeakGflops === null ? "-" : `${Math.round((100 * side.gflops) / result.sgemmPeakGflops)} %`;
    const memory = [side.peakMiB ?? "-", side.baselineMiB ?? "-"];
    return [name, side.msPerStep, side.msBest, side.gflops, peak, ...memory];
  };
  const pytorch = result.peers.pytorch;
  const rows = [
    [`train ${result.config}`, "ms/step", "best", "GFLOP/s", "of sgemm", "peak MiB", "before model"],
    row("gyre", result.ours),
    ...(pytorch === null ? [] : [row(`PyTorch ${pytorch.version} ${pytorch.dtype}`, pytorch)]),
  ];
  const sgemm = result.sgemm.map((rate) => `sgemm, ${rate.library}: ${round(rate.gflops)} GFLOP/s`);
  const ratio = result.ratio === null ? "no peer, no ratio" : `PyTorch's time / ours: ${result.ratio}`;
  return [table(rows), ...sgemm, ratio].join("\n");
}

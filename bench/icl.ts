import { join } from "node:path";
import { type ConfigName, type IclConfig, iclConfigs } from "./configs.ts";
import {
  alternateWithPeer,
  type Provenance,
  ratiosOf,
  repositoryRoot,
  round,
  type Sample,
  table,
} from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { openPeer } from "./peers/python.ts";

export interface IclOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

interface IclSide {
  readonly msPerStep: number;
  readonly msBest: number;
  readonly loss: number;
}

/** `ratio` is PyTorch's time over ours, of the medians; above 1 ours is faster. */
export interface IclResult {
  readonly bench: "icl";
  readonly config: ConfigName;
  readonly ours: IclSide;
  readonly peers: { readonly pytorch: (IclSide & { readonly version: string }) | null };
  readonly ratio: number | null;
  readonly ratioBest: number | null;
  readonly size: IclConfig;
  readonly threads: number;
  readonly rounds: number;
  readonly provenance: Provenance;
}

const WARMUP_STEPS = 5;
const STEPS_PER_TURN = 5;

/** Times a Looped Transformer's training step on prompts in turn with PyTorch's, each in a process of its own. */
export async function benchIcl(options: IclOptions): Promise<IclResult> {
  const { config, print, rounds, threads } = options;
  const size = iclConfigs[config];
  const sides = ["--config", JSON.stringify(size), "--threads", String(threads)];
  const script = join(repositoryRoot, "bench/ours/train-step.ts");
  const node = ["--import", "tsx", "--conditions", "@gyre/source", script, "--prompts", ...sides];
  await using ours = new LineProcess({ name: "gyre", command: process.execPath, args: node });
  await using peer = openPeer({ script: "icl", flags: sides, threads, peer: options.peer, print });

  print(`warming up, then ${rounds} rounds of ${STEPS_PER_TURN} steps each`);
  const turn = (side: LineProcess) => async () => (await steps(side, STEPS_PER_TURN)).ms;
  await steps(ours, WARMUP_STEPS);
  if (peer !== null) await steps(peer, WARMUP_STEPS);
  const samples = await alternateWithPeer(turn(ours), peer && turn(peer), rounds);
  const mine = await sideResult(ours, samples.ours);
  const theirs =
    peer === null || samples.pytorch === undefined
      ? null
      : { ...(await peer.ask<{ version: string }>("version")), ...(await sideResult(peer, samples.pytorch)) };
  return {
    bench: "icl",
    config,
    ours: mine,
    peers: { pytorch: theirs },
    ...ratiosOf(samples),
    size,
    threads,
    rounds,
    provenance: options.provenance,
  };
}

interface StepsAnswer {
  readonly ms: readonly number[];
  readonly loss: number;
}

const steps = (side: LineProcess, count: number) => side.ask<StepsAnswer>(`step ${count}`);

async function sideResult(side: LineProcess, { median, best }: Sample): Promise<IclSide> {
  const { loss } = await steps(side, 1);
  return { msPerStep: round(median, 2), msBest: round(best, 2), loss: round(loss, 4) };
}

/** The result as a table for people. */
export function iclTable(result: IclResult): string {
  const row = (name: string, side: IclSide) => [name, side.msPerStep, side.msBest];
  const { pytorch } = result.peers;
  const rows = [
    [`icl ${result.config}`, "ms/step", "best"],
    row("gyre", result.ours),
    ...(pytorch === null ? [] : [row(`PyTorch ${pytorch.version}`, pytorch)]),
  ];
  const ratio = result.ratio === null ? "no peer, no ratio" : `PyTorch's time / ours: ${result.ratio}`;
  return [table(rows), ratio].join("\n");
}

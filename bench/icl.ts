import { join } from "node:path";
import { type ConfigName, type IclConfig, iclConfigs } from "./configs.ts";
import { alternate, type Provenance, repositoryRoot, round, type Sample, table } from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { findPython, peerEnvironment } from "./peers/python.ts";

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
  const python = options.peer ? findPython(print) : undefined;
  const script = join(repositoryRoot, "bench/ours/train-step.ts");
  const node = ["--import", "tsx", "--conditions", "@gyre/source", script, "--prompts", ...sides];
  await using ours = new LineProcess({ name: "gyre", command: process.execPath, args: node });
  await using peer =
    python === undefined
      ? null
      : new LineProcess({
          name: "PyTorch",
          command: python,
          args: [join(repositoryRoot, "bench/peers/icl.py"), ...sides],
          env: peerEnvironment(threads),
        });

  print(`warming up, then ${rounds} rounds of ${STEPS_PER_TURN} steps each`);
  const turn = (side: LineProcess) => async () => (await steps(side, STEPS_PER_TURN)).ms;
  await steps(ours, WARMUP_STEPS);
  if (peer !== null) await steps(peer, WARMUP_STEPS);
  const samples: { readonly ours: Sample; readonly pytorch?: Sample } =
    peer === null
      ? await alternate({ ours: turn(ours) }, rounds)
      : await alternate({ ours: turn(ours), pytorch: turn(peer) }, rounds);
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
    ratio: theirs === null ? null : round(theirs.msPerStep / mine.msPerStep, 3),
    ratioBest: theirs === null ? null : round(theirs.msBest / mine.msBest, 3),
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

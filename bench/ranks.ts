import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type BenchConfig, configs } from "./configs.ts";
import { launcherMissing } from "./errors.ts";
import { alternate, type Provenance, repositoryRoot, round, table } from "./harness.ts";
import { LineProcess } from "./line-process.ts";

export interface RanksOptions {
  readonly rounds: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** Two ranks of one thread against one process of two, on the same tokens a step. */
interface SizeResult {
  readonly ranksMs: number;
  readonly threadsMs: number;
  readonly ranksBestMs: number;
  readonly threadsBestMs: number;
  /** Share of a step that rank 0 spends in sums; waiting for the other rank is part of it. */
  readonly sumShare: number;
}

/** Ratios are times of one process over times of two ranks, medians; above 1 ranks are faster. */
export interface RanksResult {
  readonly bench: "ranks";
  readonly sizes: { readonly S: SizeResult; readonly width64: SizeResult };
  readonly ratios: { readonly S: number; readonly width64: number; readonly ddp: number | null };
  readonly rounds: number;
  readonly provenance: Provenance;
}

const width64: BenchConfig = { ...configs.S, width: 64, heads: 4, mlp: 256, vocab: 512, context: 64 };
const WARMUP_STEPS = 3;
const STEPS_PER_TURN = 3;

interface Answer {
  readonly ms: readonly number[];
  readonly sumMs: number;
}

/** Times two ranks x 1 thread in turn with one process x 2 threads, on S and on a small model. */
export async function benchRanks({ rounds, provenance, print }: RanksOptions): Promise<RanksResult> {
  const launcher = ["mpirun", "mpiexec"].find((name) => !spawnSync(name, ["--version"]).error);
  if (launcher === undefined) throw launcherMissing();
  const S = await measured(configs.S, { launcher, rounds });
  print(`S: ${S.ranksMs} ms on two ranks, ${S.threadsMs} on two threads`);
  const small = await measured(width64, { launcher, rounds });
  print("no comparison with PyTorch's DistributedDataParallel here: ratios.ddp is null");
  const ratio = ({ ranksMs, threadsMs }: SizeResult) => round(threadsMs / ranksMs, 3);
  const ratios = { S: ratio(S), width64: ratio(small), ddp: null };
  return { bench: "ranks", sizes: { S, width64: small }, ratios, rounds, provenance };
}

async function measured(
  config: BenchConfig,
  { launcher, rounds }: { readonly launcher: string; readonly rounds: number },
): Promise<SizeResult> {
  const script = join(repositoryRoot, "bench/ours/ranks-step.ts");
  const side = (threads: number) => {
    const words = ["--config", JSON.stringify(config), "--threads", `${threads}`];
    return [process.execPath, "--import", "tsx", "--conditions", "@gyre/source", script, ...words];
  };
  const [node = "", ...words] = side(2);
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };
  await using ranks = new LineProcess({
    name: "two ranks",
    command: launcher,
    args: ["-n", "2", ...side(1)],
    env,
  });
  await using threads = new LineProcess({ name: "two threads", command: node, args: words });
  await ranks.ask(`step ${WARMUP_STEPS}`);
  await threads.ask(`step ${WARMUP_STEPS}`);
  let sumMs = 0;
  const times = await alternate(
    {
      ranks: async () => {
        const answer = await ranks.ask<Answer>(`step ${STEPS_PER_TURN}`);
        sumMs += answer.sumMs;
        return answer.ms;
      },
      threads: async () => (await threads.ask<Answer>(`step ${STEPS_PER_TURN}`)).ms,
    },
    rounds,
  );
  const spent = times.ranks.all.reduce((total, ms) => total + ms, 0);
  return {
    ranksMs: round(times.ranks.median, 2),
    threadsMs: round(times.threads.median, 2),
    ranksBestMs: round(times.ranks.best, 2),
    threadsBestMs: round(times.threads.best, 2),
    sumShare: round(sumMs / spent, 3),
  };
}

/** The result as a table for people. */
export function ranksTable({ sizes, ratios }: RanksResult): string {
  const row = (name: string, size: SizeResult, ratio: number) => {
    const share = `${Math.round(100 * size.sumShare)} %`;
    return [name, size.ranksMs, size.threadsMs, size.ranksBestMs, size.threadsBestMs, share, ratio];
  };
  return table([
    ["train", "2 ranks, ms", "2 threads, ms", "best", "best", "in sums", "ratio"],
    row("S", sizes.S, ratios.S),
    row("width 64", sizes.width64, ratios.width64),
  ]);
}

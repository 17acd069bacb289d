import { availableParallelism } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Tensor, Weights } from "gyre";
import {
  broadcastJson,
  type Collective,
  launched,
  machineMemory,
  openCollective,
  requireSame,
} from "gyre/node";
import { oneProcess } from "./errors.ts";
import { StatusLine } from "./render/status-line.ts";
import { report } from "./report-error.ts";
import { freshState, type Session, type TrainedConfig } from "./training.ts";
import { version } from "./version.ts";

/** What any rank trains with; rank 0 alone has a run to write. */
export type RankSession<Config extends TrainedConfig> = Omit<Session<Config>, "run"> & {
  readonly run?: Session<Config>["run"];
};

const ranksHere = (): number => launched(process.env)?.localSize ?? 1;

/** Threads of each rank where none are asked for: an equal share of the cores that it may use. */
export const threadsOfRank = (): number => Math.max(1, Math.floor(availableParallelism() / ranksHere()));

/** The memory that a rank may count on. */
export const memoryOfRank = (): number => machineMemory() / ranksHere();

/** Refuses to do under a launcher what each of its processes would do for itself. Throws RANKS_ONE. */
export function requireOneProcess(what: string): void {
  const { size = 1 } = launched(process.env) ?? {};
  if (size > 1) throw oneProcess(what, size);
}

/** Refuses a command without `--ranks` under a launcher. Throws RANKS_ONE. */
export function requireRanksOf(command: Command): void {
  if (!command.options.some(({ long }) => long === "--ranks")) requireOneProcess(wordsOf(command));
}

const wordsOf = (command: Command): string =>
  command.parent ? `${wordsOf(command.parent)} ${command.name()}` : command.name();

/** What every rank has to know of a session besides its state, as JSON can say it. */
type Told<Config extends TrainedConfig> = Omit<Session<Config>, "run" | "state"> & { readonly step: number };

/** The session of rank 0 for all ranks, `own`; the others pass none. */
export async function sharedSession<Config extends TrainedConfig>(
  ranks: Collective,
  own: Session<Config> | undefined,
): Promise<RankSession<Config>> {
  const { path, spec, training, threads, device, state: begun, run } = own ?? {};
  const known = { path, spec, training, threads, device, step: begun?.step } as Told<Config>;
  const { step, ...told } = await broadcastJson<Told<Config>>(ranks, known);
  const { weights, moments, ema } = begun ?? freshState(told);
  const hasEma = await broadcastJson(ranks, ema !== undefined);
  const state = {
    step,
    weights: await shared(ranks, weights),
    moments: { first: await shared(ranks, moments.first), second: await shared(ranks, moments.second) },
    ...(hasEma ? { ema: await shared(ranks, ema ?? freshState(told).weights) } : {}),
  };
  return { ...told, state, ...(run ? { run } : {}) };
}

/** The tensors of rank 0, in its order: those of a checkpoint are not in the order of new ones. */
async function shared(ranks: Collective, own: Weights): Promise<Weights> {
  const names = await broadcastJson(ranks, [...own.keys()]);
  const tensors = new Map(names.map((name) => [name, own.get(name) as Tensor<Float32Array>]));
  for (const { data } of tensors.values())
    await ranks.broadcast(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return tensors;
}

/** How a rank does what a command asks for. */
export interface RankHow<Options> {
  readonly options: Options;
  readonly status: StatusLine;
  readonly ranks: Collective;
}

/** What a rank that prints nothing has for a screen. */
const nowhere = { write: () => true };

/** The status line of a rank: only rank 0 has anything to show. */
export const statusOf = ({ rank }: Collective): StatusLine =>
  rank === 0 ? new StatusLine() : new StatusLine(nowhere);

/** Does something as one of the ranks that a launcher started, or on its own; see `together`. */
export async function asRank(work: (ranks: Collective) => Promise<number>): Promise<number> {
  const ranks = await openCollective();
  return await together(ranks, () => work(ranks));
}

/** How long another rank waits with its error: rank 0 speaks for what all ran into, and ends them. */
const patienceMs = 1_000;

/** Refuses ranks that were told to measure something else. Throws RANKS_DIFFER. */
export const requireSameCommand = (ranks: Collective): Promise<void> =>
  requireSame(ranks, "the command", () => process.argv.slice(2).join(" "));

/** Does the work of one rank, and ends all where it fails: no rank can go on without another. Throws RANKS_DIFFER for other versions. */
async function together(ranks: Collective, work: () => Promise<number>): Promise<number> {
  if (ranks.size === 1) return await work();
  try {
    await requireSame(ranks, "the version of gyre", () => version);
    await requireSame(ranks, "the version of Node", () => process.version);
    const exitCode = await work();
    await ranks.barrier();
    ranks.close();
    return exitCode;
  } catch (error) {
    if (ranks.rank > 0) {
      await sleep(patienceMs);
      process.stderr.write(`rank ${ranks.rank}: `);
    }
    const exitCode = report(error);
    // after what else is done at the end, such as to release a run
    process.once("exit", () => ranks.abort(exitCode));
    process.exit(exitCode);
  }
}

import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { initialState, type TrainingNeeds, type TrainState, textNeeds } from "gyre";
import {
  broadcastJson,
  type Collective,
  contentChecksum,
  type Dataset,
  launched,
  machineMemory,
  openDataset,
  requireSame,
  type TextConfig,
} from "gyre/node";
import { oneProcess } from "./errors.ts";
import { report } from "./report-error.ts";
import type { Session } from "./training.ts";
import { version } from "./version.ts";

/** What rank 0 prepares, and all ranks train. */
export interface TextSession extends Session<TextConfig> {
  readonly dataset: Dataset;
  /** Where the dataset is. */
  readonly from: string;
  readonly needs: TrainingNeeds;
}

/** The session of any rank; only that of rank 0 has a run to write. */
export type RankSession = Omit<TextSession, "run" | "from">;

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

/** What the other ranks have to know of a session besides its state. */
type Told = Pick<TextSession, "path" | "spec" | "training" | "threads" | "from"> & { readonly step: number };

/**
 * The session of rank 0 for every other rank, which opens the dataset at `data` or where rank 0 has it. Throws RANKS_DIFFER where versions or data are
 * others, and what `openDataset` throws.
 */
export async function sharedSession(
  ranks: Collective,
  { own, data }: { readonly own?: TextSession; readonly data?: string | undefined },
): Promise<RankSession> {
  const told = await broadcastJson<Told | undefined>(ranks, own && toldOf(own));
  const { path, spec, training, threads, step } = told as Told;
  const from = data ?? (told as Told).from;
  const dataset = own?.dataset ?? (await openDataset(from));
  await requireSame(ranks, "the version of gyre", () => version);
  await requireSame(ranks, "the version of Node", () => process.version);
  await requireSame(ranks, `the dataset ${from}`, () => contentChecksum(dataset.manifest));
  const state = own?.state ?? { ...initialState(spec, training.seed, training.initStd), step };
  await broadcastState(ranks, state);
  return { path, spec, training, threads, dataset, state, needs: own?.needs ?? textNeeds(spec, training) };
}

function toldOf({ path, spec, training, threads, from, state }: TextSession): Told {
  return { path, spec, training, threads, from: resolve(from), step: state.step };
}

async function broadcastState(ranks: Collective, { weights, moments }: TrainState): Promise<void> {
  for (const tensors of [weights, moments.first, moments.second])
    for (const { data } of tensors.values())
      await ranks.broadcast(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** How long another rank waits with its error: rank 0 speaks for what all ran into, and ends them. */
const patienceMs = 1_000;

/** Does the work of one rank, and ends all where it fails: no rank can go on without another. */
export async function together(ranks: Collective, work: () => Promise<number>): Promise<number> {
  if (ranks.size === 1) return await work();
  try {
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

import { join } from "node:path";
import { deleteCheckpoint, spareCheckpoints } from "./checkpoints.node.ts";
import { runKinds } from "./config.ts";
import { folderSize } from "./list.node.ts";
import { holdRun } from "./run.node.ts";

/** Which checkpoints `cleanRun` keeps. */
export interface CleanOptions {
  /** Good checkpoints to keep, the newest; 1 by default. Training itself keeps two. */
  readonly keep?: number;
  /** Says what would go, and deletes nothing. */
  readonly isTrial?: boolean;
}

/** A checkpoint that is not needed, and what it takes on disk. */
export interface SpareCheckpoint {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Deletes the checkpoints of a run but for the newest good ones, with what dead processes left behind. A run none of whose
 * checkpoints is good keeps them all. Throws RUN_LOCKED while a process writes to the run, CHECKPOINT_OPTION, and what
 * `holdRun` throws.
 *
 * @example
 * const spare = await cleanRun("runs/first", { isTrial: true });
 * console.log(spare.reduce((sum, { bytes }) => sum + bytes, 0), "bytes could go");
 */
export async function cleanRun(
  path: string,
  { keep = 1, isTrial = false }: CleanOptions = {},
): Promise<SpareCheckpoint[]> {
  await using run = await holdRun(path, runKinds);
  const spare: SpareCheckpoint[] = [];
  for (const name of await spareCheckpoints(run.path, { keep })) {
    const folder = join(run.path, "checkpoints", name);
    spare.push({ path: folder, bytes: (await folderSize(folder)).bytes });
    if (!isTrial) await deleteCheckpoint(run.path, name);
  }
  return spare;
}

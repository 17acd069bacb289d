import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cannotRead, cannotWrite } from "../checkpoint/errors.ts";
import {
  readBytes,
  sha256OfFile,
  syncDirectory,
  writeDurably,
  writeFileAtomic,
} from "../checkpoint/files.node.ts";
import { readFloatTensors, writeNewSafetensors } from "../checkpoint/safetensors.node.ts";
import { storeTensors } from "../checkpoint/safetensors.ts";
import { GyreError } from "../util/errors.ts";
import {
  bestFile,
  checkpointName,
  emaFile,
  isCheckpointName,
  modelFile,
  optimizerFile,
  parseState,
  pointerFile,
  type RunCheckpoint,
  stateFile,
  stepOf,
} from "./checkpoint-files.ts";
import { checkpointCorrupt, checkpointOption, noBest, noStep } from "./errors.ts";

/** A checkpoint that was read, and what was found damaged on the way to it. */
export interface LoadedCheckpoint extends RunCheckpoint {
  readonly warnings: readonly string[];
}

const temporaryPrefix = ".tmp-";

/**
 * Writes `checkpoints/step-NNNNNN` as a whole (temporary name, fsync, rename), then points `latest` to it,
 * then deletes the checkpoints of later steps, which a rewound run has left behind, and those beyond the
 * newest `keep` good ones. Names in `good` are known to be whole and are not read again.
 */
export async function saveCheckpoint(
  run: string,
  checkpoint: RunCheckpoint,
  keep: number,
  good: Set<string>,
): Promise<void> {
  const { step } = checkpoint;
  if (!Number.isSafeInteger(step) || step < 0)
    throw checkpointOption("step", step, "a whole number from 0 on");
  requireKeep(keep);
  const model = storeTensors(checkpoint.model, { dtype: "F32" });
  const optimizer = storeTensors(checkpoint.optimizer, { dtype: "F32" });
  const ema = checkpoint.ema && storeTensors(checkpoint.ema, { dtype: "F32" });
  const name = checkpointName(step);
  const folder = join(run, "checkpoints");
  try {
    await removeTemporaries(folder);
    const temporary = join(folder, temporaryPrefix + name);
    await mkdir(temporary);
    const write = (file: string, tensors: typeof model, metadata = {}) =>
      writeNewSafetensors(join(temporary, file), { tensors, ...metadata });
    const sha256 = JSON.stringify({
      [modelFile]: await write(modelFile, model, { metadata: { format: "pt" } }),
      [optimizerFile]: await write(optimizerFile, optimizer),
      ...(ema ? { [emaFile]: await write(emaFile, ema, { metadata: { format: "pt" } }) } : {}),
    });
    await writeDurably(join(temporary, stateFile), `{"step":${step},"sha256":${sha256}}\n`);
    await syncDirectory(temporary);
    await putInPlace(folder, temporary, name);
  } catch (cause) {
    await removeTemporaries(folder).catch(() => undefined);
    throw cause instanceof GyreError ? cause : cannotWrite(join(folder, name), cause);
  }
  await writeFileAtomic(join(run, pointerFile), `${name}\n`);
  good.add(name);
  await prune(run, step, keep, good);
}

/** Makes the checkpoint of a step the best one, which stays until another is. Throws CHECKPOINT_WRITE. */
export const markBest = (run: string, step: number): Promise<void> =>
  writeFileAtomic(join(run, bestFile), `${checkpointName(step)}\n`);

/** The checkpoint that was best on held-out data. Throws RUN_NO_BEST, CHECKPOINT_CORRUPT. */
export async function loadBest(run: string): Promise<LoadedCheckpoint> {
  const name = await readPointer(run, bestFile);
  if (name === undefined) throw noBest(run);
  return { ...(await readCheckpoint(run, name)), warnings: [] };
}

/** The checkpoint of a step. Throws RUN_NO_STEP, CHECKPOINT_CORRUPT. */
export async function loadStep(run: string, step: number): Promise<LoadedCheckpoint> {
  const names = await checkpointNames(run);
  const name = names.find((one) => stepOf(one) === step);
  if (name === undefined) throw noStep(run, step, names.map(stepOf));
  return { ...(await readCheckpoint(run, name)), warnings: [] };
}

/**
 * The checkpoint that `latest` names or, where that one is damaged, the newest good one; `warnings` say so.
 * Undefined when nothing was saved yet. Throws CHECKPOINT_CORRUPT when no good one is left.
 */
export async function loadCheckpoint(run: string): Promise<LoadedCheckpoint | undefined> {
  const names = await checkpointNames(run);
  const latest = await readPointer(run, pointerFile);
  if (names.length === 0 && latest === undefined) return undefined;
  const problems = latest === undefined ? [`${pointerFile} is missing`] : [];
  const ordered = latest === undefined ? names : [latest, ...names.filter((name) => name !== latest)];
  for (const name of ordered) {
    try {
      const checkpoint = await readCheckpoint(run, name);
      if (problems.length === 0) return { ...checkpoint, warnings: [] };
      return { ...checkpoint, warnings: [...problems, `went on from step ${checkpoint.step}`] };
    } catch (error) {
      if (!(error instanceof GyreError)) throw error;
      problems.push(`${name} is damaged: ${error.detail.given}`);
    }
  }
  throw checkpointCorrupt(run, problems);
}

/** The step of the checkpoint that a run would go on from, which is not read; undefined where there is none. */
export async function latestStep(run: string): Promise<number | undefined> {
  const name = await readPointer(run, pointerFile);
  return name === undefined ? undefined : stepOf(name);
}

async function readCheckpoint(run: string, name: string): Promise<RunCheckpoint> {
  const folder = join(run, "checkpoints", name);
  const { step, sha256 } = await readState(folder, name);
  const tensorsOf = async (file: keyof typeof sha256) => {
    const path = join(folder, file);
    if ((await sha256OfFile(path)) !== sha256[file])
      throw checkpointCorrupt(path, ["the checksum is another"]);
    return readFloatTensors(path);
  };
  return {
    step,
    model: await tensorsOf(modelFile),
    optimizer: await tensorsOf(optimizerFile),
    ...(sha256[emaFile] === undefined ? {} : { ema: await tensorsOf(emaFile) }),
  };
}

async function readState(folder: string, name: string): Promise<ReturnType<typeof parseState>> {
  const path = join(folder, stateFile);
  return parseState(new TextDecoder().decode(await readBytes(path)), name, path);
}

async function prune(run: string, step: number, keep: number, good: Set<string>): Promise<void> {
  for (const name of await spareCheckpoints(run, { step, keep, good })) {
    await deleteCheckpoint(run, name);
    good.delete(name);
  }
}

function requireKeep(keep: number): void {
  if (!Number.isSafeInteger(keep) || keep < 1)
    throw checkpointOption("keep", keep, "a whole number from 1 on");
}

export interface SpareOptions {
  /** Checkpoints of later steps are spare; none is when left out. */
  readonly step?: number;
  /** Good checkpoints to keep, the newest, beside the best. */
  readonly keep: number;
  /** Names that are known to be whole, and need not be read again; good ones are added. */
  readonly good?: Set<string>;
}

/**
 * The names of checkpoints beyond the newest `keep` good ones and the best: older, damaged, replaced or abandoned ones. Where none is
 * good, none is spare. Throws CHECKPOINT_OPTION, CHECKPOINT_READ.
 */
export async function spareCheckpoints(
  run: string,
  { step = Number.POSITIVE_INFINITY, keep, good = new Set() }: SpareOptions,
): Promise<string[]> {
  requireKeep(keep);
  const names = await checkpointNames(run);
  const best = await readPointer(run, bestFile);
  const kept: string[] = [];
  let newest = 0;
  for (const name of names) {
    const isReplaced = name.endsWith(".old") && names.includes(name.slice(0, -".old".length));
    if (stepOf(name) > step || isReplaced || (newest === keep && name !== best)) continue;
    if (!good.has(name) && !(await isGood(run, name))) continue;
    kept.push(name);
    newest = Math.min(keep, newest + 1);
  }
  for (const name of kept) good.add(name);
  return kept.length === 0 ? [] : names.filter((name) => !kept.includes(name));
}

export const deleteCheckpoint = (run: string, name: string): Promise<void> =>
  rm(join(run, "checkpoints", name), { recursive: true, force: true });

async function isGood(run: string, name: string): Promise<boolean> {
  return readCheckpoint(run, name).then(
    () => true,
    () => false,
  );
}

/** Newest first; one that was set aside while its step was saved again comes right after the new one. */
async function checkpointNames(run: string): Promise<string[]> {
  const folder = join(run, "checkpoints");
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw cannotRead(folder, cause);
  });
  const names = entries.filter((entry) => isCheckpointName(entry));
  return names.sort((a, b) => stepOf(b) - stepOf(a) || a.length - b.length);
}

async function readPointer(run: string, file: string): Promise<string | undefined> {
  const bytes = await readBytes(join(run, file)).catch(() => undefined);
  const name = new TextDecoder().decode(bytes).trim();
  return isCheckpointName(name) ? name : undefined;
}

/** A step that is saved again sets its earlier checkpoint aside, so that a whole one exists at every moment. */
async function putInPlace(folder: string, temporary: string, name: string): Promise<void> {
  const target = join(folder, name);
  if ((await readdir(folder)).includes(name)) {
    await rm(`${target}.old`, { recursive: true, force: true });
    await rename(target, `${target}.old`);
  }
  await rename(temporary, target);
  await syncDirectory(folder);
}

async function removeTemporaries(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(temporaryPrefix)) await rm(join(folder, entry), { recursive: true, force: true });
  }
}

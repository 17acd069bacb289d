import type { Recipe } from "gyre";
import type { Device, WhichCheckpoint, WhichWeights } from "gyre/node";
import { trainNeeds } from "./errors.ts";
import { flagOf } from "./flags.ts";
import type { HeldOutOptions } from "./held-out.ts";
import { modelFields, type SettingFlags, trainingFields } from "./settings.ts";

/** The flags of `gyre train`. */
export interface TrainOptions extends SettingFlags, HeldOutOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly data?: string;
  readonly recipe?: string;
  readonly force?: boolean;
  /** A run whose model and weights the new one begins with, which of its checkpoints, and which of their weights. */
  readonly from?: string;
  readonly checkpoint?: WhichCheckpoint;
  readonly weights?: WhichWeights;
  /** Says what training would take, and writes nothing. */
  readonly dryRun?: boolean;
  readonly checkpointEvery: number;
  readonly tensorboard?: string;
  /** Optimizer steps between texts that the model writes, at three depths. */
  readonly sampleEvery?: number;
  readonly device?: Device | undefined;
  readonly threads?: number;
  /** Processes to start, each for its share of a step's micro-batches. */
  readonly ranks?: number;
  /** For a task: its form, difficulties, and over which share of the steps the hardest of them grows. */
  readonly group?: string;
  readonly variant?: string;
  readonly difficulty?: { readonly from: number; readonly to: number };
  readonly curriculum?: number;
}

/** Flags that text knows nothing of. */
export const taskFlags = ["group", "variant", "difficulty", "curriculum"] as const;

/** Patience counts measurements. Throws TRAIN_USAGE. */
export function requireMeasuring({ evalEvery, patience }: HeldOutOptions, needs = trainNeeds): void {
  if (patience !== undefined && evalEvery === 0)
    throw needs(`--patience ${patience} with --eval-every 0, which measures nothing`);
}

/** A step to stop after is still to come. Throws TRAIN_USAGE. */
export function requireAhead({ stopAt }: HeldOutOptions, step: number, needs = trainNeeds): void {
  if (stopAt !== undefined && stopAt <= step) throw needs(`--stop-at ${stopAt}, where step ${step} is done`);
}

/** The run of `--from`, and which checkpoint of it: the folder of a checkpoint names both. Throws TRAIN_USAGE. */
export function namedCheckpoint(
  from: string,
  checkpoint: WhichCheckpoint | undefined,
): { readonly path: string; readonly checkpoint: WhichCheckpoint | undefined } {
  const [, path, step] = /^(.+?)[\\/]+checkpoints[\\/]+step-(\d+)[\\/]*$/.exec(from) ?? [];
  if (path === undefined) return { path: from, checkpoint };
  if (checkpoint !== undefined)
    throw trainNeeds(`--from ${from}, a checkpoint, with --checkpoint ${checkpoint}`);
  return { path, checkpoint: Number(step) };
}

/** The model of a run that another begins with is as it is. Throws TRAIN_USAGE. */
export function requireItsModel(path: string, options: TrainOptions, recipe: Recipe | undefined): void {
  const given = modelFields.filter((name) => options[name] !== undefined);
  if (given.length > 0)
    throw trainNeeds(`--from ${path} with ${given.map(flagOf).join(", ")}: it has the model of ${path}`);
  if (recipe?.model !== undefined)
    throw trainNeeds(`--from ${path} with a recipe that has a model: it has the model of ${path}`);
}

/** Throws TRAIN_USAGE where options are left without the one that they are about. */
export function requireCompany({ from, checkpoint, weights, resume, dryRun }: TrainOptions): void {
  if (checkpoint !== undefined && from === undefined) throw trainNeeds("--checkpoint without --from");
  if (weights !== undefined && from === undefined) throw trainNeeds("--weights without --from");
  if (resume !== undefined && from !== undefined) throw trainNeeds(`--resume ${resume} with --from ${from}`);
  if (resume !== undefined && dryRun) throw trainNeeds(`--resume ${resume} with --dry-run`);
}

/** A run that goes on keeps its options, but may get more steps. Throws TRAIN_USAGE. */
export function requireNoChange(path: string, options: TrainOptions): void {
  const kept = trainingFields.filter((name) => name !== "steps");
  const fixed = [...modelFields, ...kept, ...taskFlags, "out", "recipe", "force"] as const;
  const changed = fixed.filter((name) => options[name] !== undefined);
  if (changed.length > 0)
    throw trainNeeds(
      `--resume ${path} with ${changed.map(flagOf).join(", ")}: a run keeps the options it began with`,
    );
}

import { trainNeeds } from "./errors.ts";
import type { HeldOutOptions } from "./held-out.ts";
import { modelFields, type SettingFlags, trainingFields } from "./settings.ts";

/** The flags of `gyre train`. */
export interface TrainOptions extends SettingFlags, HeldOutOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly data?: string;
  readonly recipe?: string;
  readonly force?: boolean;
  readonly checkpointEvery: number;
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
export function requireMeasuring({ evalEvery, patience }: HeldOutOptions): void {
  if (patience !== undefined && evalEvery === 0)
    throw trainNeeds(`--patience ${patience} with --eval-every 0, which measures nothing`);
}

/** A run that goes on keeps its options. Throws TRAIN_USAGE. */
export function requireNoChange(path: string, options: TrainOptions): void {
  const fixed = [...modelFields, ...trainingFields, ...taskFlags, "out", "recipe", "force"] as const;
  const changed = fixed.filter((name) => options[name] !== undefined);
  if (changed.length > 0)
    throw trainNeeds(
      `--resume ${path} with --${changed.join(", --")}: a run keeps the options it began with`,
    );
}

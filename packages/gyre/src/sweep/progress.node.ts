import type { SweepTrial } from "../report/sweep.ts";
import { type BestHeldOut, bestIn, MetricsFile } from "../runs/metrics.node.ts";
import { allFailed } from "./errors.ts";
import { errorIn, type Job, runJobs } from "./jobs.node.ts";
import type { Rung } from "./rungs.ts";
import type { SweepFolder, SweepRun, TrainHow, TrialResult } from "./sweep.node.ts";

/** What a sweep tells as it goes. */
export type SweepEvent =
  /** Runs of a rung are about to train. */
  | { readonly type: "rung"; readonly index: number; readonly rung: Rung; readonly waiting: number }
  | { readonly type: "step"; readonly run: SweepRun; readonly step: number }
  | {
      readonly type: "end";
      readonly run: SweepRun;
      /** What was best on its held-out data so far. */
      readonly best: BestHeldOut | undefined;
      readonly problem: string | undefined;
    };

/** How the runs of a sweep are trained here. */
export interface SweepJobs {
  /** What gyre is started with: an executable and its first words. */
  readonly command: readonly [string, ...string[]];
  /** Processes at a time, and how each computes. */
  readonly jobs: number;
  readonly how: TrainHow;
  readonly signal: AbortSignal;
  /** Hears what begins and ends, for a line that says how far it is. */
  readonly onEvent: (event: SweepEvent) => void;
}

/**
 * Goes through the rungs of a sweep: `train` gets the runs of each that are not done, and says whether to go on. All trials come back,
 * best first, those that went further before the others; nothing where it was stopped. Throws SWEEP_FAILED.
 */
export async function throughRungs(
  folder: SweepFolder,
  train: (rung: Rung, waiting: readonly SweepRun[]) => Promise<boolean>,
): Promise<TrialResult[] | undefined> {
  let left = folder.trials;
  let done: TrialResult[] = [];
  for (const [index, rung] of folder.rungs.entries()) {
    const waiting = await folder.waitingIn(rung, left);
    if (waiting.length > 0 && !(await train(rung, waiting))) return undefined;
    const results = await folder.resultsAt(rung, left);
    const whole = results.filter(({ value }) => value !== undefined);
    const going = whole.slice(0, folder.rungs[index + 1]?.trials ?? 0);
    done = [...results.filter((one) => !going.includes(one)), ...done];
    left = going.map(({ trial }) => trial);
  }
  const whole = done.filter(({ value }) => value !== undefined);
  if (whole.length === 0) throw allFailed(await Promise.all(done.map((one) => problemOf(folder, one))));
  return [...whole, ...done.filter(({ value }) => value === undefined)];
}

/** Trains the runs of a sweep as processes of this machine; nothing where a signal stopped it. Throws SWEEP_FAILED. */
export function trainSweep(
  folder: SweepFolder,
  { command, jobs: most, how, signal, onEvent }: SweepJobs,
): Promise<TrialResult[] | undefined> {
  return throughRungs(folder, async (rung, waiting) => {
    onEvent({ type: "rung", index: folder.rungs.indexOf(rung), rung, waiting: waiting.length });
    const jobs: (Job & { readonly run: SweepRun })[] = [];
    for (const run of waiting) jobs.push({ run, log: run.log, words: await folder.wordsFor(run, rung, how) });
    await runJobs(jobs, {
      command,
      most,
      signal,
      onLine({ run }, line) {
        const [, step] = /^step (\d+)\//.exec(line) ?? [];
        if (step !== undefined) onEvent({ type: "step", run, step: Number(step) });
      },
      async onEnd({ run }, exitCode) {
        if (signal.aborted) return;
        onEvent({
          type: "end",
          run,
          best: bestIn((await new MetricsFile(run.path).read()).records),
          problem: exitCode === 0 ? undefined : ((await errorIn(run.log)) ?? `exit code ${exitCode}`),
        });
      },
    });
    return !signal.aborted;
  });
}

/**
 * The array of jobs that a sweep needs next, of the first rung that is not done; runs whose log ends with an error count as
 * failed. All trials come back instead where no rung needs any. Throws SWEEP_FAILED.
 */
export async function nextArray(
  folder: SweepFolder,
  how: TrainHow,
): Promise<{ readonly jobs: readonly Job[] } | { readonly results: readonly TrialResult[] }> {
  const jobs: Job[] = [];
  const results = await throughRungs(folder, async (rung, waiting) => {
    for (const run of waiting)
      if ((await errorIn(run.log)) === undefined)
        jobs.push({ log: run.log, words: await folder.wordsFor(run, rung, how) });
    return jobs.length === 0;
  });
  return results ? { results } : { jobs };
}

/** What the report says of a trial. */
export async function reportedTrial(folder: SweepFolder, result: TrialResult): Promise<SweepTrial> {
  const { trial, steps, found, value } = result;
  return {
    name: trial.name,
    chosen: trial.chosen,
    steps,
    values: found.map((one) => one?.value ?? null),
    ...(value === undefined ? { problem: await problemOf(folder, result) } : {}),
  };
}

async function problemOf(folder: SweepFolder, { trial, found }: TrialResult): Promise<string> {
  const failed = folder.runsOf(trial)[found.indexOf(undefined)];
  if (!failed) return "nothing was measured";
  return `${failed.log}: ${(await errorIn(failed.log)) ?? "it ended before its last step"}`;
}

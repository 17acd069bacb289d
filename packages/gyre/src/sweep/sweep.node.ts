import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cannotWrite } from "../checkpoint/errors.ts";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import { latestStep } from "../runs/checkpoints.node.ts";
import { type BestHeldOut, bestIn, isBetter, MetricsFile, usualEvalEvery } from "../runs/metrics.node.ts";
import type { DeviceChoice } from "../runtime/devices.node.ts";
import { otherSweep } from "./errors.ts";
import { type Rung, rungsOf } from "./rungs.ts";
import type { Sweep } from "./sweep-file.ts";
import { stepsOf, type Trial } from "./trials.ts";

/** One training of a sweep: a trial with a seed. */
export interface SweepRun {
  readonly trial: Trial;
  readonly seed: number;
  /** Its folder, and the file with what its process says. */
  readonly path: string;
  readonly log: string;
}

/** What a trial came to: its mean over seeds of what was best on held-out data at full depth. */
export interface TrialResult {
  readonly trial: Trial;
  /** Steps that all its runs have done; 0 where one has none. */
  readonly steps: number;
  /** By seed; undefined where a run failed. */
  readonly found: readonly (BestHeldOut | undefined)[];
  /** The mean; undefined where a run failed. */
  readonly value: number | undefined;
}

/** What the trainings of a sweep compute on and with; a device that is left out is the CPU, or the one that a run began on. */
export interface TrainHow {
  readonly device?: DeviceChoice | undefined;
  readonly threads: number;
}

/** A sweep on disk: the recipes of its trials and their runs, from which everything else is told. */
export class SweepFolder {
  readonly #sweep: Sweep;
  readonly trials: readonly Trial[];
  readonly path: string;
  readonly rungs: readonly Rung[];

  constructor(path: string, sweep: Sweep, trials: readonly Trial[]) {
    this.path = path;
    this.#sweep = sweep;
    this.trials = trials;
    this.rungs = rungsOf(trials.length, Math.max(...trials.map(stepsOf)), sweep.halving);
  }

  /** Where the recipe of a trial is. */
  recipeOf = (trial: Trial): string => join(this.path, "recipes", `${trial.name}.json`);

  /** Throws SWEEP_OTHER where the folder is of a sweep with other recipes. */
  async requireOwn(): Promise<void> {
    for (const trial of this.trials) {
      const there = await readBytes(this.recipeOf(trial)).catch(() => undefined);
      if (there && new TextDecoder().decode(there) !== textOf(trial)) throw otherSweep(this.path, trial.name);
    }
  }

  /** Writes the recipes, as far as they are not there. Throws CHECKPOINT_WRITE. */
  async begin(): Promise<void> {
    for (const folder of ["recipes", "runs", "logs"])
      await mkdir(join(this.path, folder), { recursive: true }).catch((cause: unknown) => {
        throw cannotWrite(this.path, cause);
      });
    await writeFileAtomic(join(this.path, "sweep.json"), `${JSON.stringify(this.#sweep, null, 2)}\n`);
    for (const trial of this.trials) await writeFileAtomic(this.recipeOf(trial), textOf(trial));
  }

  /** The runs of a trial, one for each seed. */
  runsOf(trial: Trial): SweepRun[] {
    return this.#sweep.seeds.map((seed) => {
      const name = `${trial.name}-seed-${seed}`;
      return {
        trial,
        seed,
        path: join(this.path, "runs", name),
        log: join(this.path, "logs", `${name}.log`),
      };
    });
  }

  /** The steps that a trial's runs are to have done at the end of a rung. */
  stepsAt = (trial: Trial, rung: Rung): number => Math.min(rung.steps, stepsOf(trial));

  /** The runs that a rung still has to train, of the trials that are left in it. */
  async waitingIn(rung: Rung, trials: readonly Trial[]): Promise<SweepRun[]> {
    const waiting: SweepRun[] = [];
    for (const run of trials.flatMap((trial) => this.runsOf(trial)))
      if (((await latestStep(run.path)) ?? 0) < this.stepsAt(run.trial, rung)) waiting.push(run);
    return waiting;
  }

  /** The words after `gyre` that train a run up to the end of a rung, from its last checkpoint where it has one. */
  async wordsFor(
    { trial, seed, path }: SweepRun,
    rung: Rung,
    { device, threads }: TrainHow,
  ): Promise<string[]> {
    const steps = stepsOf(trial);
    const evalEvery = Math.min(this.#sweep.evalEvery ?? usualEvalEvery(steps), steps);
    const at = this.stepsAt(trial, rung);
    const { data } = this.#sweep;
    const fresh = [...(data === undefined ? [] : [data]), "--out", path, "--recipe", this.recipeOf(trial)];
    const isThere = (await latestStep(path)) !== undefined;
    return [
      "train",
      ...(isThere ? ["--resume", path] : [...fresh, "--seed", `${seed}`, "--force"]),
      ...["--eval-every", `${evalEvery}`, "--threads", `${threads}`],
      ...(device === undefined ? [] : ["--device", device]),
      ...(at < steps ? ["--stop-at", `${at}`] : []),
    ];
  }

  /** What trials came to within the steps of a rung, best first; those with a run that failed come last. */
  async resultsAt(rung: Rung, trials: readonly Trial[]): Promise<TrialResult[]> {
    const results: TrialResult[] = [];
    for (const trial of trials) results.push(await this.#resultAt(rung, trial));
    const measure = results.flatMap(({ found }) => found.map((one) => one?.measure)).find(Boolean);
    return results.sort((a, b) => {
      if (a.value === undefined || b.value === undefined || !measure)
        return Number(a.value === undefined) - Number(b.value === undefined);
      return Number(isBetter(measure, b.value, a.value)) - Number(isBetter(measure, a.value, b.value));
    });
  }

  async #resultAt(rung: Rung, trial: Trial): Promise<TrialResult> {
    const target = this.stepsAt(trial, rung);
    const found: (BestHeldOut | undefined)[] = [];
    let steps = target;
    for (const { path } of this.runsOf(trial)) {
      const done = (await latestStep(path)) ?? 0;
      const { records } = await new MetricsFile(path).read();
      found.push(done < target ? undefined : bestIn(records.filter(({ step }) => step <= target)));
      steps = Math.min(steps, done);
    }
    const values = found.flatMap((one) => one?.value ?? []);
    const mean = values.reduce((sum, value) => sum + value / values.length, 0);
    return { trial, steps, found, value: values.length < found.length ? undefined : mean };
  }
}

const textOf = ({ json: { $schema: _, ...recipe } }: Trial): string => `${JSON.stringify(recipe, null, 2)}\n`;

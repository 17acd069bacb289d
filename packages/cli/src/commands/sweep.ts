import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { chosenText, counted, GyreError } from "gyre";
import {
  badSweep,
  type DeviceChoice,
  holdsTexts,
  nextArray,
  parseSweep,
  reportedTrial,
  requireSlurm,
  type Sweep,
  SweepFolder,
  slurmScript,
  stepsOf,
  submit,
  type Trial,
  type TrialResult,
  tasksLeft,
  trainSweep,
  trialsOf,
  writeFileAtomic,
} from "gyre/node";
import { interruptSignal } from "../interrupt.ts";
import { StatusLine } from "../render/status-line.ts";
import { SweepLine } from "../render/sweep-line.ts";
import { presentReport, provenanceNow } from "../reports.ts";
import { readRecipeJson } from "../settings.ts";

export interface SweepFlags {
  readonly out: string;
  readonly jobs?: number;
  /** Opened already, but with `slurm`: there it is where the tasks run. */
  readonly device?: DeviceChoice | undefined;
  readonly threads?: number;
  readonly slurm?: boolean;
  readonly dryRun?: boolean;
}

/** A sweep that is ready to go: everything was checked, and nothing is on disk yet. */
interface Planned {
  readonly file: string;
  readonly sweep: Sweep;
  readonly folder: SweepFolder;
}

/** What trains a run: this very command line. */
const ownCommand = (): [string, ...string[]] => [
  process.execPath,
  ...process.execArgv,
  resolve(process.argv[1] ?? ""),
];

/** `gyre sweep FILE`: many trainings of one recipe, here or under Slurm, and which was best. */
export async function sweepCommand(file: string, flags: SweepFlags): Promise<number> {
  const status = new StatusLine();
  const json = (await readRecipeJson(file)) as unknown;
  const sweep = parseSweep(json, file);
  const trials = trialsOf(sweep, await recipeOf(sweep, file), file);
  const folder = new SweepFolder(flags.out, sweep, trials);
  await folder.requireOwn();
  if (flags.slurm) {
    if (!flags.dryRun) await requireSlurm();
    const left = await tasksLeft(flags.out);
    if (left > 0) {
      status.print(
        `${counted(left, "task")} of ${flags.out} still wait or run; start this again when they have ended`,
      );
      return 0;
    }
  }
  await requireTrainable(folder, sweep, { file, status });
  const planned = { file, sweep, folder };
  if (flags.slurm) return await array(planned, flags, status);
  if (flags.dryRun) return tellPlan(folder);
  await folder.begin();
  return await train(planned, flags, status);
}

/** The recipe of a sweep as JSON; a path is one from the sweep's own folder. Throws RECIPE, SWEEP_FILE. */
async function recipeOf({ recipe }: Sweep, file: string): Promise<Readonly<Record<string, unknown>>> {
  if (typeof recipe !== "string") return recipe;
  const json = await readRecipeJson(join(dirname(file), recipe));
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json };
  throw badSweep(file, [`recipe: ${recipe} is no recipe`]);
}

/** Checks every trial as `gyre train` would. Throws SWEEP_FILE with all that cannot be trained. */
async function requireTrainable(
  folder: SweepFolder,
  { data }: Sweep,
  { file, status }: { readonly file: string; readonly status: StatusLine },
): Promise<void> {
  const [{ plannedText }, { plannedAnswers }] = await Promise.all([
    import("./train.ts"),
    import("./train-task.ts"),
  ]);
  const problems: string[] = [];
  const isOnTexts = data !== undefined && (await holdsTexts(data));
  for (const trial of folder.trials) {
    status.update(`checking ${trial.name} of ${folder.trials.length}`);
    const [run] = folder.runsOf(trial);
    const options = { out: run?.path ?? "", force: true, checkpointEvery: 1 };
    try {
      if (isOnTexts || "task" in trial.recipe) await plannedAnswers(data, options, trial.recipe);
      else await plannedText(data, options, trial.recipe);
    } catch (error) {
      if (!(error instanceof GyreError)) throw error;
      const given = error.detail.given.replace(/\n\s*/g, " ");
      problems.push(`${trial.name} (${chosenText(trial.chosen)}): ${error.code}: ${given}`);
    }
  }
  status.clear();
  if (problems.length > 0) throw badSweep(file, problems);
}

function tellPlan({ path, trials, rungs }: SweepFolder): number {
  console.log(`${path} would be made; nothing was written.`);
  for (const { steps, trials: left } of rungs)
    console.log(`${counted(left, "trial")} to step ${Math.min(steps, Math.max(...trials.map(stepsOf)))}`);
  for (const { name, chosen } of trials) console.log(`${name}  ${chosenText(chosen)}`);
  return 0;
}

async function train(planned: Planned, flags: SweepFlags, status: StatusLine): Promise<number> {
  const { folder } = planned;
  const { jobs = 1, device, threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = flags;
  const line = new SweepLine(folder, status);
  const signal = interruptSignal();
  const onEvent = line.next.bind(line);
  const results = await trainSweep(folder, {
    ...{ command: ownCommand(), jobs, how: { device, threads }, signal, onEvent },
  });
  status.clear();
  if (results) return await present(planned, results);
  status.print("stopped and saved; the same command continues");
  return 130;
}

/** Submits what the sweep needs next, or prints it. */
async function array(planned: Planned, flags: SweepFlags, status: StatusLine): Promise<number> {
  const { folder } = planned;
  const { device, threads = 1, out } = flags;
  const next = await nextArray(folder, { device, threads });
  if ("results" in next) return await present(planned, next.results);
  const script = slurmScript({
    ...{ jobs: next.jobs, command: ownCommand(), threads, most: flags.jobs },
    ...{ folder: process.cwd(), output: resolve(out, "logs", "slurm-%A-%a.log") },
  });
  if (flags.dryRun) {
    process.stdout.write(script);
    return 0;
  }
  await folder.begin();
  const job = await submit(script, out);
  status.print(`job ${job}: ${counted(next.jobs.length, "task")}; start this again when they have ended`);
  return 0;
}

/** Writes the report and the best recipe, and shows both. */
async function present({ file, sweep, folder }: Planned, results: readonly TrialResult[]): Promise<number> {
  const [best] = results as [TrialResult];
  const trials = [];
  for (const result of results) trials.push(await reportedTrial(folder, result));
  const measure = best.found[0]?.measure === "accuracy" ? "accuracy" : "bitsPerByte"; // of text, or of a task
  await presentReport(
    {
      version: 2,
      kind: "sweep",
      provenance: await provenanceNow({ seeds: sweep.seeds }),
      ...{ name: basename(file, ".json"), measure, rungs: [...folder.rungs], trials },
    },
    { folder: folder.path, name: "report" },
  );
  const path = join(folder.path, "best.json");
  await writeFileAtomic(path, `${JSON.stringify(bestRecipe(best.trial, file, results.length), null, 2)}\n`);
  const data = sweep.data === undefined ? "" : ` ${sweep.data}`;
  console.log(`\nbest: ${best.trial.name}, ${chosenText(best.trial.chosen)}`);
  console.log(`next: gyre train${data} --recipe ${path} --out RUN`);
  return 0;
}

function bestRecipe(
  { json, chosen }: Trial,
  file: string,
  trials: number,
): Readonly<Record<string, unknown>> {
  const { $schema: _, ...recipe } = json;
  const description = `Best of ${counted(trials, "trial")} of ${basename(file)}: ${chosenText(chosen)}.`;
  return { ...recipe, description };
}

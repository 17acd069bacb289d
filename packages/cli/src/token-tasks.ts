import { access, readFile } from "node:fs/promises";
import { scheduledValues, type TokenTask, tokenTaskNamed } from "gyre";
import { openRunTask, type Run, type TaskConfig } from "gyre/node";
import { noTaskFile, taskFileExists } from "./errors.ts";
import { UsageError } from "./options.ts";

/** What chooses a form of a task and problems of it. */
export interface ProblemOptions {
  readonly group?: string;
  readonly variant?: string;
  readonly difficulty?: readonly number[];
  readonly seed?: number;
}

/** The task in the form that the options ask for. Throws UsageError, TASK_NAME, TASK_VARIANT. */
export function openTask(name: string, { group, variant }: ProblemOptions): TokenTask {
  if (group !== undefined && name !== "words")
    throw new UsageError(`--group is for words; ${name} takes --variant.`);
  if (variant !== undefined && name === "words") throw new UsageError("words takes --group, not --variant.");
  return tokenTaskNamed(name, group ?? variant);
}

/** Seed and difficulties of held-out problems, without what was left to its default. */
export const problemChoice = ({ seed = 1, difficulty }: ProblemOptions) => ({
  seed,
  ...(difficulty ? { difficulties: difficulty } : {}),
});

/** How many held-out problems are asked: so many, or all where there are fewer. */
export const askedOf = ({ heldOut = Number.POSITIVE_INFINITY }: TokenTask, usual: number): number =>
  Math.min(heldOut, usual);

/** Difficulties to measure: of a task whose prefixes all count the hardest alone, as it holds the others. */
export function difficultiesBetween({ scores }: TokenTask, easiest: number, hardest: number): number[] {
  const from = scores === "prefixes" ? hardest : easiest;
  return Array.from({ length: hardest - from + 1 }, (_, at) => from + at);
}

/** The hardest difficulty that training came to. */
export const hardestOf = ({ hardest, steps }: TaskConfig["training"]): number =>
  Math.max(...scheduledValues(hardest, steps));

/** What runs on a task were trained on, from the easiest to the hardest. */
export function difficultiesOf(task: TokenTask, trainings: readonly TaskConfig["training"][]): number[] {
  const easiest = Math.min(...trainings.map((training) => training.easiest));
  return difficultiesBetween(task, easiest, Math.min(...trainings.map(hardestOf)));
}

/** The text of a file. Throws TASK_FILE. */
export async function readTaskFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw noTaskFile(path, cause);
  });
}

/** Throws TASK_FILE_EXISTS where there is a file. */
export async function refuseExisting(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw taskFileExists(path);
}

export const titleOf = ({ name, variant }: TokenTask): string => (variant ? `${name} ${variant}` : name);

/** The task of all runs. Throws UsageError where they have different ones, and what `openRunTask` throws. */
export async function taskOfRuns(
  runs: readonly Run<TaskConfig>[],
  data: string | undefined,
): Promise<TokenTask> {
  const names = runs.map(({ config }) => [config.task, config.variant].join(" "));
  const [task, other] = [...new Set(names)];
  if (other !== undefined) throw new UsageError(`The runs are on different tasks: ${task}, and ${other}.`);
  const sums = new Set(runs.map(({ config }) => config.data?.sha256));
  if (sums.size > 1) throw new UsageError(`The runs are on different texts, all called ${task}.`);
  const [first] = runs as [Run<TaskConfig>];
  if (data !== undefined && first.config.data === undefined)
    throw new UsageError("--data is not for runs on tasks that are generated.");
  return await openRunTask(first, data);
}

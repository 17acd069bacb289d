import { access, readFile } from "node:fs/promises";
import { type LearnedTask, type TokenTask, tokenTaskNamed } from "gyre";
import { type AnswersConfig, learnedTask, openRunTask, type Run } from "gyre/node";
import { noTaskFile, taskFileExists } from "./errors.ts";
import { UsageError } from "./options.ts";

/** What chooses a form of a task and problems of it. */
export interface ProblemOptions {
  readonly group?: string | undefined;
  readonly variant?: string | undefined;
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

/** The difficulties that runs on a task were trained on: from the easiest of any run to the hardest that every run came to. */
export function rangeOfRuns(runs: readonly Run<AnswersConfig>[]): Pick<LearnedTask, "easiest" | "hardest"> {
  const learned = runs.map(({ config }) => learnedTask(config));
  return {
    easiest: Math.min(...learned.map(({ easiest }) => easiest)),
    hardest: Math.min(...learned.map(({ hardest }) => hardest)),
  };
}

/** The same, one by one, as they are measured. */
export function difficultiesOf(task: TokenTask, runs: readonly Run<AnswersConfig>[]): number[] {
  const { easiest, hardest } = rangeOfRuns(runs);
  return difficultiesBetween(task, easiest, hardest);
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

export const titleOf = ({ name, variant }: Pick<LearnedTask, "name" | "variant">): string =>
  variant ? `${name} ${variant}` : name;

/** The task of all runs. Throws UsageError where they have different ones, and what `openRunTask` throws. */
export async function taskOfRuns(
  runs: readonly Run<AnswersConfig>[],
  data: string | undefined,
): Promise<TokenTask> {
  const names = runs.map(({ config }) => {
    const { name, variant } = learnedTask(config);
    return [name, variant].join(" ");
  });
  const [task, other] = [...new Set(names)];
  if (other !== undefined) throw new UsageError(`The runs are on different tasks: ${task}, and ${other}.`);
  const textsOf = ({ config }: Run<AnswersConfig>) =>
    config.kind === "task" ? config.data?.sha256 : undefined;
  if (new Set(runs.map(textsOf)).size > 1)
    throw new UsageError(`The runs are on different texts, all called ${task}.`);
  const [first] = runs as [Run<AnswersConfig>];
  if (data !== undefined && textsOf(first) === undefined)
    throw new UsageError("--data is not for runs on tasks that are generated.");
  return await openRunTask(first, data);
}

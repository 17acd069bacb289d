import { heldOutProblems, problemLines } from "gyre";
import { writeFileAtomic } from "gyre/node";
import { noTaskFile } from "../errors.ts";
import { openTask, type ProblemOptions, problemChoice, refuseExisting, titleOf } from "../token-tasks.ts";

export interface TasksWriteOptions extends ProblemOptions {
  readonly count: number;
  readonly force?: boolean;
}

/** `gyre tasks write`: held-out problems as JSON lines. */
export async function tasksWriteCommand(
  name: string,
  path: string,
  options: TasksWriteOptions,
): Promise<number> {
  const task = openTask(name, options);
  if (!options.force) await refuseExisting(path);
  const problems = heldOutProblems(task, { ...problemChoice(options), count: options.count });
  await writeFileAtomic(path, problemLines(task, problems)).catch((cause: unknown) => {
    throw noTaskFile(path, cause);
  });
  const longest = Math.max(...problems.map(({ tokens }) => tokens.length));
  const found = [...new Set(problems.map(({ difficulty }) => difficulty))].sort((a, b) => a - b);
  const [least, most] = [found[0] as number, found.at(-1) as number];
  console.log(
    `${path}: ${problems.length} problems of ${titleOf(task)}, ${least === most ? least : `${least} to ${most}`} ` +
      `${task.difficulty.counts}, at most ${longest} tokens of ${task.vocabulary.length}`,
  );
  const shared = found.filter((difficulty) => task.isShared(difficulty));
  if (shared.length > 0)
    console.error(
      `note: there are so few problems of difficulty ${shared.join(", ")} that training draws all of them too`,
    );
  return 0;
}

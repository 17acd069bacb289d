import { heldOutProblems, problemText } from "gyre";
import { openTask, type ProblemOptions, problemChoice, titleOf } from "../token-tasks.ts";

export interface TasksShowOptions extends ProblemOptions {
  readonly count: number;
  readonly vocabulary?: boolean;
}

/** `gyre tasks show`: a few problems in words, or the names of the tokens. */
export async function tasksShowCommand(name: string, options: TasksShowOptions): Promise<number> {
  const task = openTask(name, options);
  if (options.vocabulary) {
    console.log(JSON.stringify(task.vocabulary));
    return 0;
  }
  console.log(`${titleOf(task)}: ${task.summary}\n${task.source}\n`);
  for (const problem of heldOutProblems(task, { ...problemChoice(options), count: options.count }))
    console.log(`${problem.difficulty} ${task.difficulty.counts}:\n${problemText(task, problem)}\n`);
  return 0;
}

import type { TokenTask } from "../packages/gyre/src/tasks/task.ts";
import { formsOf, tokenTaskNamed, tokenTasks } from "../packages/gyre/src/tasks/tokens/index.ts";
import { alternate, type Provenance, round, type Sample, table } from "./harness.ts";

export interface TasksOptions {
  readonly rounds: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

interface TaskTime {
  readonly difficulty: string;
  /** Tokens of a row. */
  readonly length: number;
  /** Milliseconds of a batch of 64. */
  readonly ms: number;
  readonly msBest: number;
}

/** How long drawing a training batch of each task takes. */
export interface TasksResult {
  readonly bench: "tasks";
  readonly batch: number;
  readonly rounds: number;
  readonly times: Readonly<Record<string, TaskTime>>;
  readonly provenance: Provenance;
}

const batch = 64;
const longWords = 64;

/** Draws a batch of every form in turn, at its usual difficulties, and of words of 64 elements. */
export async function benchTasks({ rounds, provenance, print }: TasksOptions): Promise<TasksResult> {
  const forms = tokenTasks.flatMap(({ name }) => formsOf(name));
  const sides = [
    ...forms.map((task) => ({
      task,
      title: [task.name, task.variant ?? []].flat().join(" "),
      range: task.difficulty.usual,
    })),
    { task: tokenTaskNamed("words"), title: "words S3, long", range: { from: longWords, to: longWords } },
  ];
  const draws = sides.map(({ task, title, range }) => [title, drawing(task, range)] as const);
  await alternate(Object.fromEntries(draws), 3);
  print(`timing: ${rounds} rounds`);
  const samples = await alternate(Object.fromEntries(draws), rounds);
  const times = sides.map(({ task, title, range: { from, to } }) => {
    const { median, best } = samples[title] as Sample;
    const difficulty = from === to ? `${from}` : `${from}..${to}`;
    return [title, { difficulty, length: task.maxLength(to), ms: round(median, 2), msBest: round(best, 2) }];
  });
  return { bench: "tasks", batch, rounds, times: Object.fromEntries(times), provenance };
}

/** Milliseconds of one batch; each call draws others. */
function drawing(task: TokenTask, difficulty: TokenTask["difficulty"]["usual"]): () => Promise<number[]> {
  let step = 0;
  return async () => {
    const start = performance.now();
    task.draw({ seed: 1, stream: `train ${step++} 0`, batch, difficulty });
    return [performance.now() - start];
  };
}

/** The result as a table for people. */
export function tasksTable({ times }: TasksResult): string {
  const rows = Object.entries(times).map(([title, { difficulty, length, ms, msBest }]) => [
    title,
    difficulty,
    length,
    ms,
    msBest,
  ]);
  return table([[`a batch of ${batch}`, "difficulty", "tokens", "ms", "best"], ...rows]);
}

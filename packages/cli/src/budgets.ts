import { readFile } from "node:fs/promises";
import { allTrajectories, type Budget, type Spec } from "gyre";
import { badTrajectoriesFile, tooManyTrajectories } from "./errors.ts";
import { type LoopsRange, UsageError } from "./options.ts";

export interface BudgetOptions {
  readonly loops?: LoopsRange;
  /** `uniform`, `all` or the path of a file. */
  readonly trajectories?: string;
}

const mostTrajectories = 5_000;

/**
 * The budgets that the options ask of one model. `isCompared`: it stands among others, so that `--loops` speaks of
 * those that loop. Throws UsageError and EVAL_TRAJECTORIES.
 */
export async function budgetsFor(
  spec: Spec,
  { loops, trajectories = "uniform" }: BudgetOptions,
  isCompared: boolean,
): Promise<Budget[]> {
  if (trajectories === "uniform") {
    if (spec.family === "gpt" && (isCompared || !loops)) return [1];
    return loops?.(spec.loops) ?? Array.from({ length: spec.loops }, (_, index) => index + 1);
  }
  if (trajectories !== "all") {
    if (loops)
      throw new UsageError("--loops with a file of trajectories: each of them has its own number of loops.");
    return readTrajectories(trajectories);
  }
  if (!loops) throw new UsageError("--trajectories all needs --loops, for example --loops 4.");
  const counts = loops(spec.loops);
  const total = counts.reduce((sum, count) => sum + binomial(spec.loops - 1, count - 1), 0);
  if (total > mostTrajectories) throw tooManyTrajectories(counts, spec.loops, total, mostTrajectories);
  return counts.flatMap((count) => {
    const all: Budget[] = allTrajectories(spec.loops, count);
    return spec.loops % count === 0 ? all : [...all, count];
  });
}

/**
 * Three trajectories of every number of loops from 2 to L - 1: uniform, the longest possible step first, and last. Each
 * once, where they fall together.
 */
export function shapesOf({ loops: grid }: Spec): Budget[] {
  return Array.from({ length: Math.max(0, grid - 2) }, (_, index) => index + 2).flatMap((count) => {
    const short = new Array<number>(count - 1).fill(1 / grid);
    const long = (grid - count + 1) / grid;
    return [count, [long, ...short], [...short, long]];
  });
}

/** Trajectories as a JSON array of arrays, or one comma list a line. Throws EVAL_TRAJECTORIES. */
async function readTrajectories(path: string): Promise<number[][]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw badTrajectoriesFile(path, cause instanceof Error ? cause.message : String(cause));
  });
  const rows = text.trimStart().startsWith("[") ? parseJson(text, path) : parseLines(text);
  if (rows.length === 0) throw badTrajectoriesFile(path, "no trajectory");
  return rows.map(({ where, value }) => {
    const steps = Array.isArray(value) ? value : [];
    if (steps.length > 0 && steps.every((step) => typeof step === "number" && Number.isFinite(step)))
      return steps;
    throw badTrajectoriesFile(path, `${where} is not a list of numbers`);
  });
}

interface Row {
  readonly where: string;
  readonly value: unknown;
}

function parseJson(text: string, path: string): Row[] {
  try {
    return (JSON.parse(text) as unknown[]).map((value, index) => ({ where: `entry ${index + 1}`, value }));
  } catch (cause) {
    throw badTrajectoriesFile(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function parseLines(text: string): Row[] {
  const rows = text.split("\n").map((line, index) => ({ where: `line ${index + 1}`, line: line.trim() }));
  return rows
    .filter(({ line }) => line !== "")
    .map(({ where, line }) => ({
      where,
      value: line.split(",").map((part) => (part.trim() === "" ? undefined : Number(part))),
    }));
}

function binomial(n: number, k: number): number {
  let result = k < 0 || k > n ? 0 : 1;
  for (let index = 1; index <= k && result > 0; index++) result = (result * (n - k + index)) / index;
  return Math.round(result);
}

import * as z from "zod";
import { most } from "../util/limits.ts";
import type { DifficultyRange } from "./task.ts";

const size = z.int().positive().max(most.context);

const scheduleOf = (value: z.ZodInt) =>
  z.union([
    value,
    z
      .strictObject({ from: value, to: value, by: size, every: z.int().positive().max(most.steps) })
      .refine(({ from, to }) => from <= to, { error: "from is above to" }),
  ]);

/** A number of a curriculum: fixed, or growing `by` so much `every` so many steps. */
export const scheduleSchema = scheduleOf(size);
/** The same of difficulties, which may begin at 0. */
export const difficultyScheduleSchema = scheduleOf(z.int().min(0).max(most.context));
/** A value that may change during training: a number, or one that grows step by step. */
export type Schedule = z.infer<typeof scheduleSchema>;

/** The value at an optimizer step, counted from 0 (Looped Transformer code, curriculum.py). */
export function scheduled(schedule: Schedule, step: number): number {
  if (typeof schedule === "number") return schedule;
  const { from, to, by, every } = schedule;
  return Math.min(to, from + by * Math.floor(step / every));
}

/** Every value that a schedule takes within so many steps, in order. */
export function scheduledValues(schedule: Schedule, steps: number): number[] {
  if (typeof schedule === "number") return [schedule];
  const values: number[] = [];
  for (let step = 0; step < steps; step += schedule.every) {
    const value = scheduled(schedule, step);
    if (values.at(-1) !== value) values.push(value);
    if (value === schedule.to) break;
  }
  return values;
}

/**
 * A schedule that reaches `to` after `share` of `steps` in as few or as many increments as the range allows, at
 * most `stages` values: few values are few graphs to compile.
 */
export function ramp(
  from: number,
  to: number,
  { steps, share, stages }: { readonly steps: number; readonly share: number; readonly stages: number },
): Schedule {
  if (from >= to || stages < 2) return to;
  const by = Math.ceil((to - from) / (stages - 1));
  const increments = Math.ceil((to - from) / by);
  return { from, to, by, every: Math.max(1, Math.round((steps * share) / increments)) };
}

/**
 * Difficulties of a training step whose hardest one follows a schedule: from the easiest of a task's usual range, or of
 * another one, up to there.
 *
 * @example
 * const hardest = ramp(4, 24, { steps: 3000, share: 0.5, stages: 5 });
 * const difficulty = difficultyAt(tokenTaskNamed("words"), hardest, 750);
 */
export function difficultyAt(
  { difficulty: { usual } }: { readonly difficulty: { readonly usual: Pick<DifficultyRange, "from"> } },
  hardest: Schedule,
  step: number,
): DifficultyRange {
  const to = scheduled(hardest, step);
  return { from: Math.min(usual.from, to), to };
}

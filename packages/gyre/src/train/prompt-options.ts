import * as z from "zod";
import { misfits } from "../models/misfits.ts";
import { runsOnce, type Spec } from "../models/spec.ts";
import { type Schedule, scheduledValues, scheduleSchema } from "../tasks/curriculum.ts";
import type { PromptTask } from "../tasks/task.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { most } from "../util/limits.ts";
import { badPromptTraining } from "./errors.ts";
import { optimiserProblems, optimiserSchema } from "./options.ts";

/**
 * Everything that decides a training run on prompts, apart from the spec and the task. Defaults follow the Looped
 * Transformer: Adam without decay, whole prompts; `points`, `dims` and `loops` grow along schedules.
 */
export const promptTrainingSchema = optimiserSchema.extend({
  batch: z.int().positive().max(most.batch).default(64).describe("prompts a micro-batch"),
  learningRate: z.number().positive().default(1e-3).describe("highest learning rate"),
  learningRateFloor: z
    .number()
    .min(0)
    .optional()
    .describe("learning rate at the end of the schedule; by default a twentieth of the highest"),
  warmupSteps: z.int().min(0).default(200).describe("steps of linear warm-up"),
  weightDecay: z.number().min(0).default(0).describe("decay of tensors with two or more dimensions"),
  beta2: z.number().min(0).lt(1).default(0.999).describe("AdamW: how slowly the mean of squares moves"),
  window: z
    .int()
    .positive()
    .max(most.loops)
    .default(1)
    .describe("number of last loops over which the loss is averaged"),
  backprop: z
    .int()
    .positive()
    .max(most.loops)
    .optional()
    .describe("number of last loops that gradients reach; by default the window"),
  points: scheduleSchema.optional().describe("examples plus the query; by default the task's"),
  dims: scheduleSchema.optional().describe("coordinates in use; by default the task's"),
  loops: scheduleSchema.optional().describe("loops of a step; by default the spec's"),
  noise: z.number().min(0).default(0).describe("standard deviation of the labels' noise"),
  seed: z.int().min(0).default(1).describe("seed of weights and prompts"),
});
/** Training on prompts as a user writes it: everything may be left out. */
export type PromptTrainingInput = z.input<typeof promptTrainingSchema>;
/** Everything that decides a training run on prompts, with all defaults filled in. */
export type PromptTraining = Omit<
  z.infer<typeof promptTrainingSchema>,
  "points" | "dims" | "loops" | "learningRateFloor"
> & {
  readonly points: Schedule;
  readonly dims: Schedule;
  readonly loops: Schedule;
  readonly learningRateFloor: number;
};

const largestOf = (schedule: Schedule, steps: number) => Math.max(...scheduledValues(schedule, steps));

/** Checks training options against a spec and a task; throws LAB_OPTIONS listing every problem. */
export function parsePromptTraining(
  options: PromptTrainingInput,
  spec: Spec,
  task: Pick<PromptTask, "name" | "points" | "dims" | "tokenWidth" | "outputs">,
): PromptTraining {
  const parsed = promptTrainingSchema.safeParse(options, { error: inWords });
  if (!parsed.success) throw badPromptTraining(problemsOf(parsed.error, "options"));
  const problems: string[] = [];
  const { data } = parsed;
  const training: PromptTraining = {
    ...data,
    points: data.points ?? task.points,
    dims: data.dims ?? task.dims,
    loops: data.loops ?? spec.loops,
    learningRateFloor: data.learningRateFloor ?? data.learningRate / 20,
  };
  const largest = (name: "points" | "dims" | "loops") => largestOf(training[name], training.steps);
  if (largest("points") > task.points)
    problems.push(`points: up to ${largest("points")}, where ${task.name} has ${task.points}`);
  if (largest("dims") > task.dims)
    problems.push(`dims: up to ${largest("dims")}, where ${task.name} has ${task.dims}`);
  if (largest("loops") > most.loops) problems.push(`loops: up to ${largest("loops")}; at most ${most.loops}`);
  if (runsOnce(spec.family) && largest("loops") > 1)
    problems.push(`loops: up to ${largest("loops")}, where a ${spec.family} runs its layers once`);
  if (training.window > largest("loops"))
    problems.push(`window: ${training.window}, where no step has more than ${largest("loops")} loops`);
  if (training.backprop !== undefined && training.backprop < training.window)
    problems.push(`backprop: ${training.backprop} is below window ${training.window}`);
  if (training.learningRateFloor > training.learningRate)
    problems.push(
      `learningRateFloor: ${training.learningRateFloor} is above learningRate ${training.learningRate}`,
    );
  problems.push(...optimiserProblems(training), ...misfits(spec, task));
  if (problems.length > 0) throw badPromptTraining(problems);
  return training;
}

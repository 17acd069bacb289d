import * as z from "zod";
import { vocabularyMisfits } from "../models/misfits.ts";
import type { Spec } from "../models/spec.ts";
import { difficultyScheduleSchema, type Schedule, scheduledValues } from "../tasks/curriculum.ts";
import type { TokenTask } from "../tasks/task.ts";
import { most } from "../util/limits.ts";
import { badTraining } from "./errors.ts";
import { checkedTraining, type TrainingInput, type TrainingOptions, trainingSchema } from "./options.ts";

/** Everything that decides a training run on the answers of a task, apart from the spec and the task. */
export const answerTrainingSchema = trainingSchema.extend({
  batch: z.int().positive().max(most.batch).default(64).describe("problems a micro-batch"),
  easiest: z
    .int()
    .min(0)
    .optional()
    .describe("least difficulty that is drawn; by default the task's usual one"),
  hardest: difficultyScheduleSchema
    .optional()
    .describe("greatest difficulty, or its schedule; by default the task's usual one"),
});
/** Options of training on answers, with what the task decides filled in. */
export type AnswerTraining = Omit<z.infer<typeof answerTrainingSchema>, "easiest" | "hardest"> & {
  readonly easiest: number;
  readonly hardest: Schedule;
};
/** The same as a user writes them: everything may be left out. */
export type AnswerTrainingInput = TrainingInput &
  Pick<z.infer<typeof answerTrainingSchema>, "easiest" | "hardest">;

/**
 * Checks options of training on answers against a spec and a task, and fills in defaults. Throws TRAIN_OPTIONS listing
 * every problem.
 */
export function parseAnswerTraining(
  options: AnswerTrainingInput,
  spec: Spec,
  task: Pick<TokenTask, "name" | "difficulty" | "maxLength" | "vocabulary">,
): AnswerTraining {
  const { training: parsed, problems } = checkedTraining<
    TrainingOptions & z.infer<typeof answerTrainingSchema>
  >(answerTrainingSchema, options, spec);
  problems.push(...vocabularyMisfits(spec, task));
  if (!parsed) throw badTraining(problems);
  const { usual, least, most: greatest, counts } = task.difficulty;
  const { hardest = usual.to } = parsed;
  const { easiest = Math.min(usual.from, ...scheduledValues(hardest, parsed.steps)) } = parsed;
  const training = { ...parsed, easiest, hardest };
  const all = scheduledValues(hardest, parsed.steps);
  const bounds = `${task.name} has from ${least} to ${greatest} ${counts}`;
  if (easiest < least || easiest > greatest) problems.push(`easiest: ${easiest}, where ${bounds}`);
  const wrong = all.find((difficulty) => difficulty < least || difficulty > greatest);
  if (wrong !== undefined) problems.push(`hardest: ${wrong}, where ${bounds}`);
  else if (Math.min(...all) < easiest)
    problems.push(`hardest: ${Math.min(...all)} ${counts}, below easiest ${easiest}`);
  else {
    const longest = task.maxLength(Math.max(...all));
    if (longest > spec.context)
      problems.push(`hardest: rows of up to ${longest} tokens, where the model's context is ${spec.context}`);
  }
  if (problems.length > 0) throw badTraining(problems);
  return training;
}

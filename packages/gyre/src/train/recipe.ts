import * as z from "zod";
import { modelSchema } from "../models/presets.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { answerTrainingSchema } from "./answer-options.ts";
import { badRecipe } from "./errors.ts";
import { trainingSchema } from "./options.ts";

const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().optional(),
  model: modelSchema.partial().optional(),
  training: trainingSchema.partial().strict().optional(),
});

/** The same for answers: which task, unless that is said elsewhere, and in which form. */
const answerRecipeSchema = recipeSchema.extend({
  /** Without a context, the hardest problem decides it. */
  model: modelSchema.extend({ context: modelSchema.shape.context.unwrap().optional() }).partial().optional(),
  task: z.string().optional(),
  variant: z.string().optional(),
  training: answerTrainingSchema.partial().strict().optional(),
});

/** A run on text as plain data: a model and its training, each field of which may be left out. */
export type Recipe = Readonly<z.infer<typeof recipeSchema>>;
/** A run on the answers of a task as plain data. */
export type AnswerRecipe = Readonly<z.infer<typeof answerRecipeSchema>>;

/**
 * Checks a recipe that was read from outside; `from` names it in the error. Throws RECIPE listing every problem.
 *
 * @example
 * const recipe = parseRecipe({ model: { width: 64 }, training: { steps: 100 } }, "small.json");
 * console.log(recipe.model?.width); // 64
 */
export const parseRecipe = (json: unknown, from: string): Recipe => parsed(recipeSchema, json, from);

/** Checks a recipe of training on answers; see `parseRecipe`. */
export const parseAnswerRecipe = (json: unknown, from: string): AnswerRecipe =>
  parsed(answerRecipeSchema, json, from);

function parsed<Of>(schema: z.ZodType<Of>, json: unknown, from: string): Of {
  const { success, data, error } = schema.safeParse(json, { error: inWords });
  if (success) return data;
  throw badRecipe(from, problemsOf(error, "recipe").join("; "));
}

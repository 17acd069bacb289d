import * as z from "zod";
import { modelSchema } from "../models/presets.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { badRecipe } from "./errors.ts";
import { trainingSchema } from "./options.ts";

const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().optional(),
  model: modelSchema.partial().optional(),
  training: trainingSchema.partial().strict().optional(),
});

/** A run on text as plain data: a model and its training, each field of which may be left out. */
export type Recipe = Readonly<z.infer<typeof recipeSchema>>;

/**
 * Checks a recipe that was read from outside; `from` names it in the error. Throws RECIPE listing every problem.
 *
 * @example
 * const recipe = parseRecipe({ model: { width: 64 }, training: { steps: 100 } }, "small.json");
 * console.log(recipe.model?.width); // 64
 */
export function parseRecipe(json: unknown, from: string): Recipe {
  const parsed = recipeSchema.safeParse(json, { error: inWords });
  if (parsed.success) return parsed.data;
  throw badRecipe(from, problemsOf(parsed.error, "recipe").join("; "));
}

import { readFile } from "node:fs/promises";
import {
  familyNames,
  parseTraining,
  presetOptionsSchema,
  presets,
  type Size,
  type Spec,
  sizeSchema,
  type TrainingInput,
  type TrainingOptions,
  trainingSchema,
} from "gyre";
import * as z from "zod";
import { badRecipe } from "./errors.ts";

export const modelFields = [
  "family",
  "layers",
  "loops",
  "width",
  "heads",
  "mlp",
  "context",
  "bias",
  "activation",
  "adalnInit",
] as const;
const objectiveFields = ["shortWeight", "consistencyWeight", "consistency"] as const;
const plainTrainingFields = [
  "sampler",
  "steps",
  "batch",
  "microBatches",
  "learningRate",
  "learningRateFloor",
  "warmupSteps",
  "weightDecay",
  "clip",
  "seed",
  "recompute",
] as const;
export const trainingFields = ["objective", ...objectiveFields, ...plainTrainingFields] as const;

type Field = (typeof modelFields)[number] | (typeof trainingFields)[number];
/** Flags that set a field of the spec or of the training options, as commander parsed them. */
export type SettingFlags = { readonly [Name in Field]?: unknown };

const modelSchema = z
  .strictObject({ family: z.enum(familyNames), ...sizeSchema.shape, ...presetOptionsSchema.shape })
  .omit({ vocab: true })
  .partial();
const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().optional(),
  model: modelSchema.optional(),
  training: trainingSchema.partial().strict().optional(),
});
export type Recipe = z.infer<typeof recipeSchema>;

/** The JSON of a recipe, unchecked. Throws RECIPE. */
export async function readRecipeJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw badRecipe(path, cause.message);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badRecipe(path, String(cause));
  }
}

/** Reads a recipe; throws RECIPE listing every problem. */
export async function readRecipe(path: string): Promise<Recipe> {
  const parsed = recipeSchema.safeParse(await readRecipeJson(path));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join(".") || "recipe"}: ${issue.message}`,
  );
  throw badRecipe(path, problems.join("; "));
}

function chosen(flags: SettingFlags, names: readonly Field[]): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]),
  );
}

/** The model that flags describe, over a recipe, over the defaults. */
export function modelSettings(flags: SettingFlags, recipe: Recipe | undefined, vocab: number): Spec {
  const given: z.infer<typeof modelSchema> = { ...recipe?.model, ...chosen(flags, modelFields) };
  const { family = "loopformer", bias, activation, adalnInit, ...fields } = given;
  const usual = { layers: 2, loops: family === "gpt" ? 1 : 6, width: 192, heads: 6, mlp: 512, context: 128 };
  return presets[family]({ ...usual, ...(fields as Partial<Size>), vocab }, { bias, activation, adalnInit });
}

/** The model and the training that flags describe, over a recipe, over the defaults. */
export function settings(
  flags: SettingFlags,
  recipe: Recipe | undefined,
  vocab: number,
): { spec: Spec; training: TrainingOptions } {
  const spec = modelSettings(flags, recipe, vocab);
  return { spec, training: trainingSettings(spec, flags, recipe) };
}

/** The training that flags describe, over a recipe, over the defaults: a LoopFormer's objective is elastic. */
export function trainingSettings(
  spec: Spec,
  flags: SettingFlags,
  recipe: Recipe | undefined,
): TrainingOptions {
  const kind =
    flags.objective ??
    recipe?.training?.objective?.kind ??
    (spec.family === "loopformer" ? "elastic" : "final");
  const fromRecipe = recipe?.training?.objective?.kind === kind ? recipe.training.objective : {};
  const objective = { ...fromRecipe, ...chosen(flags, objectiveFields), kind };
  const fields = chosen(flags, plainTrainingFields);
  const training = { steps: 1000, ...recipe?.training, ...fields, objective } as TrainingInput;
  return parseTraining(training, spec);
}

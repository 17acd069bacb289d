import { readFile } from "node:fs/promises";
import {
  type AnswerRecipe,
  type AnswerTraining,
  type ModelInput,
  modelSpec,
  parseAnswerTraining,
  parseRecipe,
  parseTraining,
  type Recipe,
  type Spec,
  type TokenTask,
  type TrainingInput,
  type TrainingOptions,
  usualObjective,
} from "gyre";
import { unreadableRecipe } from "./errors.ts";
import { type FieldName, fieldsOf } from "./flags.ts";

export const modelFields = fieldsOf("model");
export const trainingFields = fieldsOf("training");
const objectiveFields = ["shortWeight", "consistencyWeight", "consistency"] as const;
const plainTrainingFields = trainingFields.filter(
  (name) => name !== "objective" && !objectiveFields.some((field) => field === name),
);

type Field = FieldName<"model"> | FieldName<"training">;
/** Flags that set a field of the model or of the training options, as commander parsed them. */
export type SettingFlags = { readonly [Name in Field]?: unknown };

/** The JSON of a recipe, unchecked. Throws RECIPE. */
export async function readRecipeJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw unreadableRecipe(path, cause.message);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadableRecipe(path, String(cause));
  }
}

/** Reads a recipe; throws RECIPE listing every problem. */
export const readRecipe = async (path: string): Promise<Recipe> =>
  parseRecipe(await readRecipeJson(path), path);

function chosen(flags: SettingFlags, names: readonly Field[]): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]),
  );
}

/** The model that flags describe, over a recipe, over the defaults. */
export function modelSettings(
  flags: SettingFlags,
  recipe: Pick<Recipe, "model"> | undefined,
  vocab: number,
): Spec {
  return modelSpec({ ...recipe?.model, ...(chosen(flags, modelFields) as ModelInput) }, vocab);
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

/** The training that flags describe, over a recipe, over the defaults. */
export function trainingSettings(
  spec: Spec,
  flags: SettingFlags,
  recipe: Recipe | undefined,
): TrainingOptions {
  return parseTraining(trainingInput(spec, flags, recipe), spec);
}

/** The training on answers that flags and a range of difficulties describe, over a recipe, over the defaults. */
export function answerTrainingSettings(
  spec: Spec,
  task: TokenTask,
  { flags, range, recipe }: AnswerSettings,
): AnswerTraining {
  return parseAnswerTraining({ ...trainingInput(spec, flags, recipe), ...range }, spec, task);
}

interface AnswerSettings {
  readonly flags: SettingFlags;
  readonly range: Pick<AnswerTraining, "easiest" | "hardest">;
  readonly recipe: AnswerRecipe | undefined;
}

function trainingInput(
  spec: Spec,
  flags: SettingFlags,
  recipe: Pick<Recipe, "training"> | undefined,
): TrainingInput {
  const kind = flags.objective ?? recipe?.training?.objective?.kind ?? usualObjective(spec);
  const fromRecipe = recipe?.training?.objective?.kind === kind ? recipe.training.objective : {};
  const objective = { ...fromRecipe, ...chosen(flags, objectiveFields), kind };
  const fields = chosen(flags, plainTrainingFields);
  return { ...recipe?.training, ...fields, objective } as TrainingInput;
}

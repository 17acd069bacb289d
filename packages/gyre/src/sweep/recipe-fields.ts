import { modelSchema } from "../models/presets.ts";
import { answerTrainingSchema } from "../train/answer-options.ts";
import { objectiveSchema } from "../train/options.ts";

const nested = ["model", "training", "training.objective"] as const;

/** Every field of a recipe by its path: training.learningRate. */
const recipeFields: readonly string[] = [
  ...["task", "variant"],
  ...Object.keys(modelSchema.shape).map((name) => `model.${name}`),
  ...Object.keys(answerTrainingSchema.shape).map((name) => `training.${name}`),
  ...objectiveSchema.options.flatMap(({ shape }) =>
    Object.keys(shape).map((name) => `training.objective.${name}`),
  ),
];

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is wrong with the names of fields: a line for each unknown one, with the field that was meant by the looks of it. */
export function unknownFields(paths: readonly string[]): string[] {
  return paths
    .filter((path) => !recipeFields.includes(path))
    .map((path) => `${path}: unknown field; is ${nearest(path)} meant?`);
}

/** The paths of what a recipe sets. */
export function pathsIn(recipe: Json, prefix = ""): string[] {
  return Object.entries(recipe).flatMap(([name, value]) => {
    const path = `${prefix}${name}`;
    if (prefix === "" && (name === "$schema" || name === "description")) return [];
    return nested.some((one) => one === path) && isObject(value) ? pathsIn(value, `${path}.`) : [path];
  });
}

/** A copy of a recipe with one field set. */
export function withField(recipe: Json, path: string, value: unknown): Json {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...recipe, [name]: value };
  const inner = recipe[name];
  return { ...recipe, [name]: withField(isObject(inner) ? inner : {}, rest.join("."), value) };
}

/** The field whose name takes the fewest changes, from the same part of the recipe where others are as near. */
function nearest(path: string): string {
  const split = (of: string) =>
    [of.slice(0, of.lastIndexOf(".") + 1), of.slice(of.lastIndexOf(".") + 1)] as const;
  const [part, name] = split(path);
  const changes = (field: string) => {
    const [fieldPart, fieldName] = split(field);
    const letters = fieldName.startsWith(name) ? 1 : distance(fieldName, name);
    return letters + (fieldPart === part ? 0 : 2);
  };
  return recipeFields.reduce((best, field) => (changes(field) < changes(best) ? field : best));
}

/** Letters to put in, take out or replace (Levenshtein, 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + Number(letter !== other)),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}

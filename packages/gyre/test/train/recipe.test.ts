import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { modelSpec } from "../../src/models/presets.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";
import { textsTask } from "../../src/tasks/tokens/texts.ts";
import { type AnswerTrainingInput, parseAnswerTraining } from "../../src/train/answer-options.ts";
import { parseAnswerRecipe, parseRecipe } from "../../src/train/recipe.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const folder = new URL("../../../../recipes/depth/", import.meta.url);

test.each(readdirSync(folder))("recipes/depth/%s fits its task", (file) => {
  const recipe = parseAnswerRecipe(JSON.parse(readFileSync(new URL(file, folder), "utf8")), file);
  const task = tokenTaskNamed(recipe.task ?? "", recipe.variant);
  const context = task.maxLength(task.difficulty.usual.to);
  const spec = modelSpec({ context, ...recipe.model }, task.vocabulary.length);
  expect(() => parseAnswerTraining(recipe.training as AnswerTrainingInput, spec, task)).not.toThrow();
});

const ofTexts = new URL("../../../../recipes/text-classification/", import.meta.url);

test.each(readdirSync(ofTexts))(
  "recipes/text-classification/%s fits labelled texts of its context",
  (file) => {
    const recipe = parseAnswerRecipe(JSON.parse(readFileSync(new URL(file, ofTexts), "utf8")), file);
    const tokens = Array.from({ length: 1024 }, (_, id) => String(id));
    const texts = [{ tokens: [1, 2, 3], class: 0 }];
    const classes = ["ham", "spam"];
    const task = textsTask({
      source: "mails",
      tokens,
      asks: 1023,
      classes,
      context: 128,
      train: texts,
      heldOut: texts,
    });
    const spec = modelSpec({ ...recipe.model, context: recipe.model?.context ?? 0 }, task.vocabulary.length);
    expect(() => parseAnswerTraining(recipe.training as AnswerTrainingInput, spec, task)).not.toThrow();
  },
);

test("a recipe of answers leaves the context to the task, and a recipe of text knows no task", () => {
  const json = { task: "words", model: { width: 64 }, training: { hardest: 12 } };
  expect(parseAnswerRecipe(json, "x.json").model?.context).toBeUndefined();
  expect(parseAnswerRecipe(json, "x.json").training).toMatchObject({ hardest: 12, batch: 64 });
  for (const wrong of [
    () => parseRecipe(json, "x.json"),
    () => parseAnswerRecipe({ task: 3 }, "x.json"),
    () => parseAnswerRecipe({ training: { hardest: -1 } }, "x.json"),
    () => parseAnswerRecipe({ training: { points: 4 } }, "x.json"),
  ]) {
    const error = errorOf(wrong);
    expect([error.code, error.message]).toEqual(["RECIPE", expect.stringContaining("x.json")]);
  }
});

import { describe, expect, test } from "vitest";
import { chosenText } from "../../src/report/sweep-page.ts";
import { rungsOf } from "../../src/sweep/rungs.ts";
import { parseSweep } from "../../src/sweep/sweep-file.ts";
import { stepsOf, trialsOf } from "../../src/sweep/trials.ts";
import { parseAnswerRecipe, parseRecipe } from "../../src/train/recipe.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const recipe = { model: { width: 32, heads: 2 }, training: { steps: 100, objective: { kind: "elastic" } } };
const trials = (json: object, base: Readonly<Record<string, unknown>> = recipe) =>
  trialsOf(parseSweep({ recipe: base, ...json }, "s.json"), base, "s.json");
const problemsOf = (json: object, base?: Readonly<Record<string, unknown>>) => {
  const error = errorOf(() => trials(json, base));
  expect(error.code).toBe("SWEEP_FILE");
  return error.detail.given.split("\n    ").slice(1);
};

describe("a grid", () => {
  test("has every combination, the last field changing fastest, and leaves the rest of the recipe alone", () => {
    const found = trials({
      search: { "training.learningRate": [0.1, 0.2], "training.objective.shortWeight": [0, 1] },
    });
    expect(found.map(({ name, chosen }) => `${name}: ${chosenText(chosen)}`)).toEqual([
      "trial-001: learningRate 0.1, shortWeight 0",
      "trial-002: learningRate 0.1, shortWeight 1",
      "trial-003: learningRate 0.2, shortWeight 0",
      "trial-004: learningRate 0.2, shortWeight 1",
    ]);
    expect(found[3]?.json).toEqual({
      model: recipe.model,
      training: { steps: 100, objective: { kind: "elastic", shortWeight: 1 }, learningRate: 0.2 },
    });
    expect(found[3]?.recipe).toEqual(parseRecipe(found[3]?.json, ""));
    expect(recipe.training.objective).toEqual({ kind: "elastic" });
  });

  test("of a recipe with a task has the fields of answers", () => {
    const [trial] = trials(
      { search: { "training.hardest": [{ from: 2, to: 8, by: 1, every: 9 }] } },
      { task: "words" },
    );
    expect(trial?.recipe).toEqual(parseAnswerRecipe(trial?.json, ""));
    expect(trial && stepsOf(trial)).toBe(1000);
  });
});

describe("random trials", () => {
  const search = {
    "training.learningRate": { from: 1e-4, to: 1e-1, scale: "log" },
    "model.width": { from: 2, to: 5, whole: true },
    "training.schedule": ["cosine", "linear"],
  };
  const draws = (json: object) => trials({ search, ...json }).map(({ chosen }) => chosen);

  test("lie in their ranges, evenly in the logarithm where asked, and are the first of a longer sweep", () => {
    const many = draws({ trials: 3000 });
    expect(many.slice(0, 5)).toEqual(draws({ trials: 5 }));
    expect(draws({ trials: 5, drawSeed: 2 })).not.toEqual(many.slice(0, 5));
    const rates = many.map((chosen) => chosen["training.learningRate"] as number);
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...rates)).toBeLessThanOrEqual(1e-1);
    // a third of the logarithm's range each; the standard error of such a share is 0.009
    for (const [from, to] of [
      [1e-4, 1e-3],
      [1e-3, 1e-2],
      [1e-2, 1e-1],
    ] as const)
      expect(rates.filter((rate) => rate >= from && rate < to).length / 3000).toBeCloseTo(1 / 3, 1);
    expect(new Set(many.map((chosen) => chosen["model.width"]))).toEqual(new Set([2, 3, 4, 5]));
    expect(new Set(many.map((chosen) => chosen["training.schedule"]))).toEqual(new Set(["cosine", "linear"]));
  });

  test("are all different, so that there are no more than lists have", () => {
    const list = { search: { "model.loops": [1, 2, 3] } };
    expect(new Set(trials({ ...list, trials: 3 }).map(({ chosen }) => chosen["model.loops"])).size).toBe(3);
    expect(problemsOf({ ...list, trials: 4 })).toEqual(["trials: 4, where search has only 3 different ones"]);
  });
});

describe("what cannot be", () => {
  test("unknown fields are named with the one that was meant, in the search and in the recipe", () => {
    expect(
      problemsOf(
        { search: { learningRate: [1], "training.learnigRate": [1], "model.widht": [1] } },
        { model: { head: 2 }, training: { objective: { short: 1 }, step: 3 } },
      ),
    ).toEqual([
      "model.head: unknown field; is model.heads meant?",
      "training.objective.short: unknown field; is training.objective.shortWeight meant?",
      "training.step: unknown field; is training.steps meant?",
      "learningRate: unknown field; is training.learningRate meant?",
      "training.learnigRate: unknown field; is training.learningRate meant?",
      "model.widht: unknown field; is model.width meant?",
    ]);
  });

  test("every problem of every trial is listed", () => {
    const search = { "training.learningRate": [-1, 1], "model.width": [8.5] };
    expect(problemsOf({ search })).toEqual([
      expect.stringMatching(
        /^learningRate -1, width 8\.5: model\.width: .*; training\.learningRate: must be a number above 0/,
      ),
      expect.stringMatching(/^learningRate 1, width 8\.5: model\.width: /),
    ]);
  });

  test("halving needs trials of one length, and a first comparison before the end", () => {
    const halving = { first: 100 };
    expect(problemsOf({ halving, search: { "training.learningRate": [1] } })).toEqual([
      "halving.first: 100, where training has 100 steps",
    ]);
    expect(problemsOf({ halving: { first: 2 }, search: { "training.steps": [5, 6] } })).toEqual([
      "halving: all trials must have as many steps",
    ]);
  });

  test("a file of another form", () => {
    const given = (json: object) =>
      errorOf(() => parseSweep({ recipe: {}, search: { a: [1] }, ...json }, "s.json")).detail.given;
    expect(given({ search: {} })).toContain("search: names no field");
    expect(given({ seeds: [1, 1] })).toContain("seeds: one of them is there twice");
    expect(given({ search: { a: { from: 1, to: 2 } } })).toContain(
      'search.a: a range is drawn from, and "trials"',
    );
    expect(given({ search: { a: { from: 2, to: 1 } }, trials: 2 })).toContain("from must be below to");
    expect(given({ search: { a: { from: 0, to: 1, scale: "log" } }, trials: 2 })).toContain(
      "a log scale begins above 0",
    );
    expect(given({ grid: 1 })).toContain('unknown field "grid"');
    expect(problemsOf({ search: { "training.seed": [1, 2] } })).toEqual([
      "training.seed: is what seeds are for",
    ]);
  });
});

test("rungs: one in so many goes on, for so many times the steps, up to the last one", () => {
  expect(rungsOf(5, 70, undefined)).toEqual([{ steps: 70, trials: 5 }]);
  expect(rungsOf(27, 900, { first: 100, factor: 3 })).toEqual([
    { steps: 100, trials: 27 },
    { steps: 300, trials: 9 },
    { steps: 900, trials: 3 },
  ]);
  expect(rungsOf(4, 50, { first: 10, factor: 4 })).toEqual([
    { steps: 10, trials: 4 },
    { steps: 40, trials: 1 },
    { steps: 50, trials: 1 },
  ]);
});

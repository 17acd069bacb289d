import { expect, test } from "vitest";
import { armTable, compare, examplesChart, loopsChart, loopTaps, noiseChart } from "../../src/lab/compare.ts";
import { loopedExamples, loopedLoops } from "../../src/lab/figures/trained.ts";
import { labRecipeNamed, labRecipes, openLabRecipe, parseLabRecipe } from "../../src/lab/recipes.ts";
import { evaluateBaseline, evaluatePrompts } from "../../src/measure/prompts.ts";
import { parameterCount } from "../../src/models/parameters.ts";
import { loopedTransformer, transformer } from "../../src/models/presets.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { baseline } from "../../src/tasks/baselines/baseline.ts";
import { vectorTaskNamed } from "../../src/tasks/vectors/index.ts";
import { chainOfThought } from "../../src/tasks/vectors/series.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { randomWeights } from "../models/tiny.ts";

const task = vectorTaskNamed("linear");
const size = { inputs: 5, context: 22, width: 8, heads: 2, mlp: 12 };
const looped = loopedTransformer({ ...size, loops: 4 });
const standard = transformer({ ...size, layers: 2 });
const arms = [
  { name: "looped", spec: looped, weights: [randomWeights(looped, 1), randomWeights(looped, 2)] },
  { name: "standard", spec: standard, weights: [randomWeights(standard, 3)] },
];

test("a comparison has the best seed of each arm, and the baselines, on the same prompts", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const options = { task, arms, runtime, seed: 5, prompts: 40, noise: [0, 1] };
  const comparison = await compare(options);
  const errors = await Promise.all(
    arms[0]!.weights.map(async (weights) => {
      const { curves } = await evaluatePrompts({
        spec: looped,
        weights,
        runtime,
        task,
        seed: 5,
        prompts: 40,
        scale: 5,
      });
      return curves[0]!.mean;
    }),
  );
  const best = errors[0]!.at(-1)! < errors[1]!.at(-1)! ? 0 : 1;
  const examples = examplesChart(comparison);
  expect(examples.series.map(({ name }) => name)).toEqual(["looped", "standard", ...task.baselines]);
  expect(examples.series[0]!.points.map(({ x }) => x)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const [index, { y }] of examples.series[0]!.points.entries())
    expect(y).toBeCloseTo(errors[best]![index]!, 5);
  const squares = examples.series.find(({ name }) => name === "least-squares")!.points;
  expect(squares[10]!.y).toBeLessThan(1e-12);

  const loops = loopsChart(comparison).series;
  expect(loops[0]!.points.map(({ x }) => x)).toEqual([1, 2, 3, 4, 6, 8, 12, 16]);
  expect(loops[0]!.points[3]!.y).toBeCloseTo(examples.series[0]!.points[10]!.y, 6);
  expect(loops[1]!.points.map(({ x }) => x)).toEqual([1, 16]);

  const noise = (await noiseChart(comparison, options)).series;
  expect(noise.map(({ points }) => points.map(({ x }) => x))).toEqual(noise.map(() => [0, 1]));
  expect(noise.find(({ name }) => name === "least-squares")!.points[1]!.y).toBeGreaterThan(0.05);

  const { rows } = armTable(comparison);
  expect(rows[0]!.slice(0, 3)).toEqual(["looped", parameterCount(looped).toLocaleString("en-US"), "4 loops"]);
  expect(rows[1]![2]).toBe("2 layers");
  expect(rows[0]![5]!.split(", ")).toHaveLength(2);
});

test("a chain of thought is read at its results alone, by the number of chains before", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const chained = chainOfThought({ dims: 4, isChained: true });
  const spec = loopedTransformer({
    inputs: 4,
    outputs: 4,
    context: 27,
    width: 8,
    heads: 2,
    mlp: 12,
    loops: 2,
  });
  const { readings, examples } = await compare({
    task: chained,
    arms: [{ name: "looped", spec, weights: [randomWeights(spec, 1)] }],
    runtime,
    seed: 1,
    prompts: 4,
  });
  expect(readings).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17]);
  expect(examples).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a baseline's errors are those of its predictions", () => {
  const zero = baseline("zero", "always 0", () => [0]);
  const { mean } = evaluateBaseline(task, zero, { seed: 2, prompts: 3 });
  const drawn = [0, 1, 2].map((index) =>
    task.draw({ seed: 2, stream: `evaluation ${index}`, batch: 1, points: 11, dims: 5 }),
  );
  for (const [reading, value] of mean.entries())
    expect(value).toBeCloseTo(drawn.reduce((sum, { targets }) => sum + targets[reading]! ** 2, 0) / 15, 9);
});

test("loops are measured to four times the trained number", () => {
  expect(loopTaps(loopedTransformer({ ...size, loops: 12 }))).toEqual([1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48]);
  expect(loopTaps(standard)).toEqual([1]);
});

test.each(labRecipes.map((recipe) => [recipe.name, recipe] as const))("the recipe %s opens", (_, recipe) => {
  const { spec, task: found, training } = openLabRecipe(recipe);
  expect(spec.readout).toEqual({ kind: "vectors", inputs: found.tokenWidth, outputs: found.outputs });
  expect(training.dims).toMatchObject({ from: 1, to: found.dims });
});

test("the fair arm has AlgoFormer's parameters but for its norms and positions, half the standard model's", () => {
  const count = (name: string) =>
    parameterCount(openLabRecipe(labRecipeNamed(`representation-${name}`)).spec);
  expect(count("looped-3") / count("algoformer")).toBeCloseTo(1, 1);
  expect(count("algoformer") / count("standard")).toBeCloseTo(0.51, 2);
});

test("a recipe that was read from outside means what it means inside: the preset decides what it leaves out", () => {
  for (const recipe of labRecipes) {
    const read = parseLabRecipe(JSON.parse(JSON.stringify(recipe)), "recipe.json");
    expect(openLabRecipe(read).spec).toEqual(openLabRecipe(recipe).spec);
  }
});

test("unknown recipes, and recipes with wrong fields, are refused", () => {
  expect(errorOf(() => labRecipeNamed("magic")).message).toMatch(/LAB_NAME: the recipe "magic"/);
  const wrong = { ...labRecipeNamed("linear-looped"), task: 3, modle: {} };
  expect(errorOf(() => parseLabRecipe(wrong, "wrong.json")).message).toMatch(
    /LAB_RECIPE: wrong\.json with problems:\n {4}task: .*\n {4}recipe: .*modle/,
  );
});

test("figures of trained models decide their claims from the models that they are given", async () => {
  const asked: string[] = [];
  const context = {
    seeds: [1, 2, 3],
    prompts: 8,
    openRuntime: () => openOnnxRuntime({ threads: 1 }),
    trained: async (recipe: { name: string }, seed: number) => {
      asked.push(`${recipe.name} ${seed}`);
      const spec = recipe.name.includes("standard") ? standard : loopedTransformer({ ...size, loops: 12 });
      return { spec, weights: randomWeights(spec, seed) };
    },
  };
  const { claims, table } = await loopedExamples.measure(context);
  expect(asked).toEqual(
    [1, 2, 3]
      .map((seed) => `linear-looped ${seed}`)
      .concat([1, 2, 3].map((seed) => `linear-standard ${seed}`)),
  );
  expect(claims[0]!.measured).toBeCloseTo(parameterCount(looped) / parameterCount(standard), 6);
  const [best, mean] = [0, 1].map((row) => Number(table!.rows[row]![3])) as [number, number];
  expect(claims[1]!.measured).toBeCloseTo(best / mean, 1);
  for (const { measured } of claims) expect(measured).toBeGreaterThan(0);
  const loops = await loopedLoops.measure(context);
  for (const { measured } of loops.claims) expect(measured).toBeGreaterThan(0);
}, 60_000);

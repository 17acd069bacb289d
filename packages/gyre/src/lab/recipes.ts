import * as z from "zod";
import {
  type PromptFamilyName,
  promptFamilyNames,
  promptOptionsSchema,
  promptPreset,
  promptSizeSchema,
} from "../models/presets.ts";
import type { Spec } from "../models/spec.ts";
import { ramp } from "../tasks/curriculum.ts";
import type { VectorTask } from "../tasks/task.ts";
import { vectorTaskNamed } from "../tasks/vectors/index.ts";
import { type PromptTraining, parsePromptTraining, promptTrainingSchema } from "../train/prompt-options.ts";
import { named } from "../util/errors.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { badLabRecipe } from "./errors.ts";

/** A training run as plain data: a task, a model, and options; widths of tokens and context follow from the task. */
const labRecipeSchema = z.strictObject({
  name: z.string().min(1),
  summary: z.string(),
  task: z.string(),
  model: z.strictObject({
    family: z.enum(promptFamilyNames as [PromptFamilyName, ...PromptFamilyName[]]),
    ...promptSizeSchema.omit({ context: true, inputs: true, outputs: true }).shape,
    ...promptOptionsSchema.omit({ bias: true }).shape,
  }),
  training: promptTrainingSchema,
});
/** A recipe of the laboratory: a task, a model and its training. */
export type LabRecipe = z.infer<typeof labRecipeSchema>;

/** What a recipe stands for, checked. */
export interface OpenRecipe {
  readonly name: string;
  readonly task: VectorTask;
  readonly spec: Spec;
  readonly training: PromptTraining;
}

/** Checks a recipe that was read from outside. Throws LAB_RECIPE listing every problem. */
export function parseLabRecipe(json: unknown, from: string): LabRecipe {
  const parsed = labRecipeSchema.safeParse(json, { error: inWords });
  if (parsed.success) return parsed.data;
  throw badLabRecipe(from, problemsOf(parsed.error, "recipe"));
}

/** The task, spec and training options of a recipe. Throws LAB_NAME, LAB_OPTIONS, SPEC_INVALID. */
export function openLabRecipe({ name, task: taskName, model, training }: LabRecipe): OpenRecipe {
  const task = vectorTaskNamed(taskName);
  const { points, dims, tokenWidth, outputs } = task;
  const context = task.draw({ seed: 0, stream: "context", batch: 1, points, dims }).length;
  const { family, inject, prelude, coda, activation, ...size } = model;
  const options = { inject, prelude, coda, activation };
  const spec = promptPreset(family, { inputs: tokenWidth, outputs, context, ...size }, options);
  return { name, task, spec, training: parsePromptTraining(training, spec, task) };
}

const size = { width: 64, heads: 4, activation: "gelu" } as const;
type Model = Omit<LabRecipe["model"], "width" | "heads" | "activation">;

/** One arm of a comparison; its learning rate is the best of a search of its own (docs/results/lab). */
interface Arm {
  readonly name: string;
  readonly summary: string;
  readonly model: Model;
  readonly learningRate: number;
  readonly window?: number;
  readonly backprop?: number;
}

/**
 * Recipes of a task, one for each arm: Adam, 6,000 steps of 64 prompts, warm-up and cosine; coordinates and points grow
 * together over the first 40 % of the steps, without which nothing leaves the plateau in time.
 */
function recipesOf(taskName: string, steps: number, arms: readonly Arm[]): LabRecipe[] {
  const { dims, points } = vectorTaskNamed(taskName);
  const growth = { steps, share: 0.4, stages: Math.min(dims, 5) };
  return arms.map(({ name, summary, model, learningRate, window = 1, backprop }) => ({
    name: `${taskName}-${name}`,
    summary,
    task: taskName,
    model: { ...size, ...model },
    training: promptTrainingSchema.parse({
      steps,
      learningRate,
      window,
      ...(backprop === undefined ? {} : { backprop }),
      dims: ramp(1, dims, growth),
      points: ramp(Math.ceil(points / dims), points, growth),
    }),
  }));
}

const standard = (layers: number, learningRate: number): Arm => ({
  name: "standard",
  summary: `the standard transformer, ${layers} layers`,
  model: { family: "transformer", layers },
  learningRate,
});
const looped = (loops: number, window: number, learningRate: number): Arm => ({
  name: "looped",
  summary: `Looped Transformer, one layer ${loops} times, loss on the last ${window}`,
  model: { family: "loopedTransformer", layers: 1, loops },
  learningRate,
  window,
});
const algoformer = (loops: number, window: number, learningRate: number): Arm => ({
  name: "algoformer",
  summary: `AlgoFormer, one layer, one ${loops} times, one; loss on the last ${window}`,
  model: { family: "algoformer", layers: 1, loops },
  learningRate,
  window,
});

/** Every recipe of the laboratory. */
export const labRecipes: readonly LabRecipe[] = [
  ...recipesOf("linear", 6000, [
    looped(12, 6, 2e-3),
    standard(6, 1e-3),
    {
      name: "tied",
      summary: "one layer 12 times with the input at the start only, loss on the last 6",
      model: { family: "tiedTransformer", layers: 1, loops: 12 },
      learningRate: 1e-3,
      window: 6,
      backprop: 12,
    },
    { ...looped(12, 1, 2e-3), name: "looped-window-1" },
  ]),
  ...recipesOf("representation", 6000, [
    algoformer(10, 5, 3e-3),
    looped(10, 5, 3e-3),
    standard(6, 2e-3),
    {
      ...looped(10, 5, 3e-3),
      name: "looped-3",
      summary: "Looped Transformer with three layers in the loop: as many parameters as AlgoFormer",
      model: { family: "loopedTransformer", layers: 3, loops: 10 },
    },
  ]),
  // what left its plateau, and best, in a search of two rates (docs/log.md)
  ...[
    { task: "sparse-linear", algoformerRate: 1e-3, standardRate: 1e-3 },
    { task: "relu-network", algoformerRate: 2e-3, standardRate: 1e-3 },
    { task: "decision-tree", algoformerRate: 2e-3, standardRate: 2e-3 },
    { task: "autoregression", algoformerRate: 2e-3, standardRate: 2e-3 },
    { task: "chain-of-thought", algoformerRate: 2e-3, standardRate: 2e-3 },
  ].flatMap(({ task, algoformerRate, standardRate }) =>
    recipesOf(task, 4000, [algoformer(8, 4, algoformerRate), looped(8, 4, 2e-3), standard(6, standardRate)]),
  ),
];

/** The recipe of that name. Throws LAB_NAME. */
export const labRecipeNamed = (name: string): LabRecipe => named("recipe", labRecipes, name);

import * as z from "zod";
import type { Spec } from "../models/spec.ts";
import { samplerNames } from "../models/trajectories.ts";
import { learningRateSchedules } from "../optim/learning-rate.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { most } from "../util/limits.ts";
import { badTraining } from "./errors.ts";

// Schemas only: whoever stores or shows options needs no graph and no trainer.

const batch = z.int().positive().max(most.batch);

/** What the training loop itself reads, whatever is trained on: AdamW or Muon, the learning rate's schedule, clipping. */
export const optimiserSchema = z.strictObject({
  steps: z.int().positive().max(most.steps).default(1000).describe("optimizer steps"),
  microBatches: batch.default(1).describe("micro-batches an optimizer step (gradient accumulation)"),
  learningRate: z.number().positive().default(1e-3).describe("highest learning rate"),
  learningRateFloor: z
    .number()
    .min(0)
    .default(1e-4)
    .describe("learning rate at the end of the schedule; the default is never above learningRate"),
  schedule: z
    .enum(learningRateSchedules)
    .default("cosine")
    .describe("how the learning rate falls after the warm-up; constant: only in the cooldown"),
  warmupSteps: z.int().min(0).default(50).describe("steps of linear warm-up"),
  cooldownSteps: z
    .int()
    .min(0)
    .max(most.steps)
    .optional()
    .describe(
      "constant: number of last steps, in which the learning rate falls in a straight line; by default a fifth of all",
    ),
  weightDecay: z.number().min(0).default(0.2).describe("decay of tensors with two or more dimensions"),
  beta1: z.number().min(0).lt(1).default(0.9).describe("AdamW: how slowly the mean of gradients moves"),
  beta2: z.number().min(0).lt(1).default(0.95).describe("AdamW: how slowly the mean of squares moves"),
  epsilon: z.number().positive().default(1e-8).describe("AdamW: added to the root of the mean of squares"),
  optimizer: z
    .enum(["adamw", "muon"])
    .default("adamw")
    .describe("muon moves the matrices of layers and leaves the rest to adamw"),
  muonLearningRate: z
    .number()
    .positive()
    .optional()
    .describe("muon: highest learning rate of matrices, on the same schedule; by default 0.02"),
  muonMomentum: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe("muon: how slowly the mean of gradients moves; by default 0.95"),
  emaDecay: z
    .number()
    .positive()
    .lt(1)
    .optional()
    .describe(
      "keep moving averages of the weights, which then are the model: the share that they keep in each step, like 0.999",
    ),
  clip: z.number().min(0).default(1).describe("largest global gradient norm; 0 never clips"),
  recompute: z
    .boolean()
    .default(false)
    .describe("rebuild activations in the backward pass: less memory, more time"),
});
/** Steps, rates and the optimizer's constants. */
export type OptimiserOptions = z.infer<typeof optimiserSchema>;

/** What is wrong with options of the optimizer that are right one by one. */
export function optimiserProblems(options: OptimiserOptions): string[] {
  const problems = scheduleProblems(options);
  if (options.optimizer === "muon") return problems;
  for (const name of ["muonLearningRate", "muonMomentum"] as const)
    if (options[name] !== undefined)
      problems.push(`${name}: ${options[name]}, where the optimizer is ${options.optimizer}`);
  return problems;
}

function scheduleProblems({
  schedule,
  cooldownSteps,
  warmupSteps,
  steps,
}: Pick<OptimiserOptions, "schedule" | "cooldownSteps" | "warmupSteps" | "steps">): string[] {
  if (cooldownSteps === undefined) return [];
  if (schedule !== "constant")
    return [`cooldownSteps: ${cooldownSteps}, where only a constant schedule has a cooldown`];
  if (warmupSteps + cooldownSteps <= steps) return [];
  return [
    `cooldownSteps: ${cooldownSteps} after a warm-up of ${warmupSteps}, where there are ${steps} steps`,
  ];
}

/**
 * What is minimised. `final`: cross-entropy after all loops. `elastic`: CE_long + shortWeight CE_short +
 * consistencyWeight MSE(stop_grad(long), short), LoopFormer Eq. 7 and train.py; `naive` early exit is
 * `elastic` with consistencyWeight 0.
 */
export const objectiveSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("final") }),
    z.strictObject({
      kind: z.literal("elastic"),
      shortWeight: z.number().min(0).default(0.1).describe("weight of the short run's cross-entropy"),
      consistencyWeight: z.number().min(0).default(0.1).describe("weight of the consistency term"),
      consistency: z
        .enum(["hidden", "logits"])
        .default("hidden")
        .describe(
          "what the short run must match: hidden states after the final norm (code, Eq. 7) or logits (section 3.3)",
        ),
    }),
  ])
  .describe("what is minimised; by default elastic for a loopformer, final for others");
/** What training minimises. */
export type Objective = z.infer<typeof objectiveSchema>;

/** Everything that decides a training run on text, apart from spec and data. Defaults follow LoopFormer. */
export const trainingSchema = optimiserSchema.extend({
  objective: objectiveSchema,
  sampler: z.enum(samplerNames).default("official").describe("how short trajectories are drawn"),
  trajectoryPer: z
    .enum(["step", "micro-batch"])
    .default("step")
    .describe(
      "one short trajectory for all micro-batches of a step, or one for each, as in the official code",
    ),
  batch: batch.default(8).describe("sequences a micro-batch"),
  seed: z.int().min(0).default(1).describe("seed of weights, batches and trajectories"),
  initStd: z
    .number()
    .positive()
    .optional()
    .describe(
      "standard deviation of the initial weights, residual projections in proportion; by default 0.02",
    ),
});
/** Everything that decides a training run on text, apart from spec and data. */
export type TrainingOptions = z.infer<typeof trainingSchema>;
/** Training options as a user writes them: everything may be left out. */
export type TrainingInput = Omit<z.input<typeof trainingSchema>, "objective"> & {
  readonly objective?: z.input<typeof objectiveSchema>;
};

/** What is minimised where nothing is said: a LoopFormer is there to serve every budget. */
export const usualObjective = ({ family }: Spec): Objective["kind"] =>
  family === "loopformer" ? "elastic" : "final";

/** Checks training options against a spec and fills in defaults; throws TRAIN_OPTIONS listing every problem. */
export function parseTraining(options: TrainingInput, spec: Spec): TrainingOptions {
  const { training, problems } = checkedTraining(trainingSchema, options, spec);
  if (!training || problems.length > 0) throw badTraining(problems);
  return training;
}

/** Options by a schema that has all of `trainingSchema`, where they are of its form, and what is wrong with them. */
export function checkedTraining<Training extends TrainingOptions>(
  schema: z.ZodType<Training>,
  options: object,
  spec: Spec,
): { readonly training?: Training; readonly problems: string[] } {
  const isObject = typeof options === "object" && options !== null;
  const given: Partial<TrainingInput> = isObject
    ? { objective: { kind: usualObjective(spec) }, ...options }
    : options;
  const parsed = schema.safeParse(given, { error: inWords });
  const problems = parsed.success ? [] : problemsOf(parsed.error, "options");
  const { objective, sampler, learningRate = 1e-3, learningRateFloor = 0 } = { ...given };
  if (objective?.kind === "elastic" && spec.loops < 2) {
    problems.push(
      `objective: an elastic objective needs at least 2 loops; this ${spec.family} has ${spec.loops}`,
    );
  }
  if (sampler === "uniform" && spec.conditioning.kind !== "time") {
    problems.push("sampler: only loopformer has step sizes to sample");
  }
  if (parsed.success && parsed.data.batch * spec.context > most.batchTokens) {
    problems.push(
      `batch: ${parsed.data.batch} texts of ${spec.context} tokens; a micro-batch has at most ${most.batchTokens}`,
    );
  }
  if (learningRateFloor > learningRate) {
    problems.push(`learningRateFloor: ${learningRateFloor} is above learningRate ${learningRate}`);
  }
  if (!parsed.success) return { problems };
  const { data } = parsed;
  problems.push(...optimiserProblems(data));
  const floor = Math.min(data.learningRate, data.learningRateFloor);
  return { training: { ...data, learningRateFloor: floor }, problems };
}

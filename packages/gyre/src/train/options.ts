import * as z from "zod";
import type { Spec } from "../models/spec.ts";
import { samplerNames } from "../models/trajectories.ts";
import { badTraining } from "./errors.ts";
import { objectiveSchema } from "./objectives/elastic.ts";

const count = z.int().positive();

/** Everything that decides a training run, apart from the spec and the data. Defaults follow LoopFormer. */
export const trainingSchema = z.strictObject({
  objective: objectiveSchema,
  sampler: z.enum(samplerNames).default("official").describe("how short trajectories are drawn"),
  steps: count.describe("optimizer steps"),
  batch: count.default(8).describe("sequences a micro-batch"),
  microBatches: count.default(1).describe("micro-batches an optimizer step (gradient accumulation)"),
  learningRate: z.number().positive().default(1e-3).describe("highest learning rate"),
  learningRateFloor: z
    .number()
    .min(0)
    .default(1e-4)
    .describe("learning rate at the end of the cosine; the default is never above learningRate"),
  warmupSteps: z.int().min(0).default(50).describe("steps of linear warm-up"),
  weightDecay: z.number().min(0).default(0.2).describe("decay of tensors with two or more dimensions"),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.95),
  epsilon: z.number().positive().default(1e-8),
  clip: z.number().min(0).default(1).describe("largest global gradient norm; 0 never clips"),
  seed: z.int().min(0).default(1).describe("seed of weights, batches and trajectories"),
  recompute: z
    .boolean()
    .default(false)
    .describe("rebuild activations in the backward pass: less memory, more time"),
});
export type TrainingOptions = z.infer<typeof trainingSchema>;
export type TrainingInput = z.input<typeof trainingSchema>;

/** Checks training options against a spec; throws TRAIN_OPTIONS listing every problem. */
export function parseTraining(json: unknown, spec: Spec): TrainingOptions {
  const parsed = trainingSchema.safeParse(json);
  const problems = (parsed.error?.issues ?? []).map(
    ({ path, message }) => `${path.join(".") || "options"}: ${message}`,
  );
  const given = typeof json === "object" ? ({ ...json } as Partial<TrainingInput>) : {};
  if (given.objective?.kind === "elastic" && spec.loops < 2) {
    problems.push(
      `objective: an elastic objective needs at least 2 loops; this ${spec.family} has ${spec.loops}`,
    );
  }
  if (given.sampler === "uniform" && spec.conditioning.kind !== "time") {
    problems.push("sampler: only loopformer has step sizes to sample");
  }
  const { learningRate = 1e-3, learningRateFloor = 0 } = given;
  if (learningRateFloor > learningRate) {
    problems.push(`learningRateFloor: ${learningRateFloor} is above learningRate ${learningRate}`);
  }
  if (!parsed.success || problems.length > 0) throw badTraining(problems);
  const { data } = parsed;
  return { ...data, learningRateFloor: Math.min(data.learningRate, data.learningRateFloor) };
}

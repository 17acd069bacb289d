import * as z from "zod";
import { badLoops, badSpec, badTrajectory } from "./errors.ts";

const positive = z.int().positive();

/** A model as plain data: everything that decides its computation, and no weights. */
export const specSchema = z.strictObject({
  family: z.enum(["gpt", "baseLoop", "tmlt", "loopformer"]).describe("the preset's name"),
  vocab: positive.describe("entries of the vocabulary"),
  context: positive.describe("longest text in tokens"),
  width: positive.describe("width d of the residual stream"),
  heads: positive.describe("attention heads"),
  mlp: positive.describe("hidden width of the feed-forward network"),
  layers: positive.describe("core layers, k"),
  loops: positive.describe("how often the core runs at full depth, L"),
  conditioning: z
    .enum(["none", "loop", "time"])
    .describe("what each loop is told: nothing, its index, or time and step"),
  normGain: z.boolean().describe("a learned gain in the norms of the blocks"),
  bias: z.boolean().describe("biases in attention and feed-forward"),
  activation: z.enum(["gelu", "relu", "silu"]),
  adalnInit: z
    .enum(["official", "zero"])
    .describe("modulation weights: N(0, 0.02) as the official code, or zero"),
});

export type Spec = z.infer<typeof specSchema>;
export type Conditioning = Spec["conditioning"];

/** Checks a spec; throws SPEC_INVALID listing every problem. */
export function parseSpec(json: unknown): Spec {
  const parsed = specSchema.safeParse(json);
  const issues = parsed.error?.issues ?? [];
  const problems = issues.map(({ path, message }) => `${path.join(".") || "spec"}: ${message}`);
  const wrong = new Set(issues.map(({ path }) => path[0]));
  const fields = Object.entries(typeof json === "object" ? { ...json } : {});
  problems.push(...contradictions(Object.fromEntries(fields.filter(([name]) => !wrong.has(name)))));
  if (!parsed.success || problems.length > 0) throw badSpec(problems);
  return parsed.data;
}

/** What is wrong between fields that are each valid; a field that is not is left out of `spec`. */
function contradictions(spec: Partial<Spec>): string[] {
  const { width = 0, heads = 1, family, loops = 1, conditioning, adalnInit = "official" } = spec;
  const problems: string[] = [];
  if (width % heads !== 0) problems.push(`heads: ${heads} does not divide width ${width}`);
  if (family === "gpt" && loops !== 1) problems.push("loops: a gpt runs its layers once; use layers");
  if (conditioning === "none" && adalnInit !== "official")
    problems.push("adalnInit: only a conditioned model has modulation weights");
  return problems;
}

/** The uniform trajectory of M steps. */
export const uniformTrajectory = (loops: number): number[] => new Array<number>(loops).fill(1 / loops);

/** A budget: a number of loops, or the step sizes of a trajectory. */
export type Budget = number | readonly number[];

/**
 * What each loop is told: `t` [M] (the loop's start time or index) and `dt` [M] (its step size).
 * Throws TRAJECTORY or LOOPS for a budget that the model does not have.
 */
export function conditions(spec: Spec, budget: Budget): { loops: number; t: Float32Array; dt: Float32Array } {
  const trajectory = typeof budget === "number" ? undefined : budget;
  const loops = trajectory?.length ?? (budget as number);
  if (!Number.isInteger(loops) || loops < 1)
    throw badLoops(loops, spec.family, "a whole number of at least 1");
  if (spec.family === "gpt" && loops !== 1) throw badLoops(loops, "gpt", "1: its layers run once");
  if (trajectory) {
    const sum = trajectory.reduce((a, b) => a + b, 0);
    if (spec.conditioning !== "time")
      throw badTrajectory(trajectory, "a number of loops: only loopformer has step sizes");
    if (trajectory.some((dt) => !(dt > 0))) throw badTrajectory(trajectory, "positive step sizes");
    if (Math.abs(sum - 1) > 1e-4)
      throw badTrajectory(trajectory, `step sizes that sum to 1 (these sum to ${sum})`);
  }
  const dt = Float32Array.from(trajectory ?? uniformTrajectory(loops));
  const starts = dt.map((_, index) => dt.slice(0, index).reduce((sum, step) => sum + step, 0));
  const t = spec.conditioning === "loop" ? Float32Array.from(dt, (_, index) => index) : starts;
  return { loops, t, dt };
}

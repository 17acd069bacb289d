import * as z from "zod";
import { badLoops, badSpec, badTrajectory } from "./errors.ts";

const positive = z.int().positive();

const families = [
  "gpt",
  "baseLoop",
  "tmlt",
  "loopformer",
  "transformer",
  "tiedTransformer",
  "loopedTransformer",
  "algoformer",
] as const;

/** A model as plain data: everything that decides its computation, and no weights. */
export const specSchema = z.strictObject({
  family: z.enum(families).describe("the preset's name"),
  vocab: z.int().min(0).default(0).describe("entries of the vocabulary; none where vectors go in"),
  vectors: z
    .strictObject({ inputs: positive, outputs: positive })
    .optional()
    .describe("widths of the vectors that go in and come out, where a token is a vector"),
  context: positive.describe("longest text or prompt in tokens"),
  width: positive.describe("width d of the residual stream"),
  heads: positive.describe("attention heads"),
  mlp: positive.describe("hidden width of the feed-forward network"),
  prelude: z.int().min(0).default(0).describe("layers that run once, before the core"),
  layers: positive.describe("core layers, k"),
  coda: z.int().min(0).default(0).describe("layers that run once, after the core"),
  loops: positive.describe("how often the core runs at full depth, L"),
  conditioning: z
    .enum(["none", "loop", "time"])
    .describe("what each loop is told: nothing, its index, or time and step"),
  start: z
    .enum(["embedding", "zeros", "ones"])
    .default("embedding")
    .describe("the state before the first loop"),
  inject: z
    .enum(["none", "add", "multiply", "everyLayer"])
    .default("none")
    .describe("how the embedding enters every loop again; everyLayer adds it before each layer"),
  frame: z
    .enum(["run", "loop"])
    .default("run")
    .describe("what positions and final norm are put around: the whole run, or every loop"),
  norm: z.enum(["rms", "layer"]).default("rms").describe("RMSNorm, or LayerNorm"),
  normGain: z.boolean().describe("a learned gain in the norms of the blocks"),
  bias: z.boolean().describe("biases in attention, feed-forward and LayerNorm"),
  activation: z.enum(["gelu", "relu", "silu", "geluTanh"]),
  adalnInit: z
    .enum(["official", "zero"])
    .describe("modulation weights: N(0, 0.02) as the official code, or zero"),
});

export type Spec = z.infer<typeof specSchema>;

/** Checks a spec; throws SPEC_INVALID listing every problem. */
export function parseSpec(json: unknown): Spec {
  const parsed = specSchema.safeParse(json);
  const issues = parsed.error?.issues ?? [];
  const problems = issues.map(({ path, message }) => `${path.join(".") || "spec"}: ${message}`);
  const wrong = new Set(issues.map(({ path }) => path[0]));
  const fields = Object.entries(typeof json === "object" ? { ...json } : {});
  problems.push(...contradictions(Object.fromEntries(fields.filter(([name]) => !wrong.has(name))), wrong));
  if (!parsed.success || problems.length > 0) throw badSpec(problems);
  return parsed.data;
}

/** What is wrong between fields that are each valid; a field that is not is left out of `spec`. */
function contradictions(spec: Partial<Spec>, wrong: ReadonlySet<unknown>): string[] {
  const { width = 0, heads = 1, family, loops = 1, conditioning, adalnInit = "official" } = spec;
  const { vocab = 0, vectors, start = "embedding", inject = "none" } = spec;
  const problems: string[] = [];
  if (width % heads !== 0) problems.push(`heads: ${heads} does not divide width ${width}`);
  if (family && runsOnce(family) && loops !== 1)
    problems.push(`loops: a ${family} runs its layers once; use layers`);
  if (!vectors && vocab === 0 && !wrong.has("vocab") && !wrong.has("vectors"))
    problems.push("vocab: Too small: expected number to be >0");
  if (vectors && vocab > 0) problems.push(`vocab: ${vocab}, where tokens are vectors`);
  if (start === "zeros" && inject !== "add")
    problems.push("start: from zeros the embedding must be injected by add, or it never enters");
  if (start === "ones" && inject !== "add" && inject !== "multiply")
    problems.push("start: from ones the embedding must be injected by add or multiply");
  if (conditioning === "none" && adalnInit !== "official")
    problems.push("adalnInit: only a conditioned model has modulation weights");
  return problems;
}

/** Whether a family has no loops to choose. */
export const runsOnce = (family: Spec["family"]): boolean => family === "gpt" || family === "transformer";

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
  if (runsOnce(spec.family) && loops !== 1) throw badLoops(loops, spec.family, "1: its layers run once");
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

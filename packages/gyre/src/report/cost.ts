import * as z from "zod";

const positive = z.int().positive();

/** What `gyre card` measures of one text at a time. */
export const speedSchema = z.strictObject({
  machine: z.string(),
  runtime: z.string(),
  /** Tokens of the prompt, and tokens written after it. */
  promptTokens: positive,
  tokens: positive,
  /** The largest memory of the process after that, in bytes, Node and runtime included. */
  residentBytes: positive,
  /** Medians, one text at a time. */
  points: z.array(
    z.strictObject({
      loops: positive,
      firstTokenMs: z.number().nonnegative(),
      tokensPerSecond: z.number().positive(),
    }),
  ),
});
/** How fast one text at a time is written at each number of loops, and in how much memory. */
export type Speed = z.infer<typeof speedSchema>;

/** What `gyre card` says of a model's size. */
export const modelCostSchema = z.strictObject({
  name: z.string(),
  family: z.string(),
  parameters: z.int().nonnegative(),
  /** Layers with weights of their own. */
  blocks: positive,
  /** Blocks applied to a token at full depth, and what that costs. */
  blockPasses: positive,
  flopsPerToken: z.number().positive(),
});
/** What a model is made of, and what it costs at full depth. */
export type ModelCost = z.infer<typeof modelCostSchema>;

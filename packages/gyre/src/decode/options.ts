import * as z from "zod";

/**
 * How text is written where nothing is said: in the library, on the command line and in the server. The model's own
 * distribution, and always the same text.
 */
export const generationSchema = z.strictObject({
  temperature: z
    .number()
    .min(0)
    .default(1)
    .describe("0 takes the most likely token; higher values are more random"),
  topK: z.int().positive().optional().describe("choose among the k most likely tokens; by default all"),
  topP: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe("choose among the likeliest tokens that together have this probability"),
  seed: z.int().min(0).default(0).describe("seed of the choices"),
  maxTokens: z.int().min(0).default(200).describe("most tokens to write"),
  cachePolicy: z
    .enum(["recompute", "share-last"])
    .default("recompute")
    .describe(
      "what later tokens see in loops that an earlier one never ran: recompute runs them after all, share-last uses " +
        "the keys and values of its last loop",
    ),
  window: z
    .enum(["stop", "slide"])
    .default("slide")
    .describe(
      "when the context is full: stop; or slide, which computes the last tokens again for each new one and is slow",
    ),
});

/** What text generation does where it is told nothing, on the command line as in the server. */
export const textDefaults = generationSchema.parse({});

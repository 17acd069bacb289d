import * as z from "zod";
import { most } from "../util/limits.ts";

const count = z.int().positive();

/** What one server takes; each refusal names its limit. */
export const limitsSchema = z.strictObject({
  bodyBytes: count.default(2 ** 20).describe("largest body in bytes; a larger one gets 413"),
  queue: z
    .int()
    .min(0)
    .default(64)
    .describe("most texts that wait for a slot, per model; further requests get 429"),
  seconds: z.number().positive().default(300).describe("time for one request, waiting included; then 504"),
  choices: count.default(128).describe("texts of one request, prompts times n"),
  promptTokens: count
    .optional()
    .describe("longest prompt in tokens; a longer one gets 400; by default the context"),
  loops: z
    .int()
    .positive()
    .max(most.loops)
    .optional()
    .describe("most loops that a request may ask for; by default the full depth"),
});
/** What a server accepts at most. */
export type Limits = Readonly<z.infer<typeof limitsSchema>>;

/** What a server accepts at most, unless told. */
export const defaultLimits: Limits = limitsSchema.parse({});

/** How a server runs, besides its limits. */
export const serveSchema = z.strictObject({
  port: z.int().min(0).max(65_535).default(8080).describe("port to listen on; 0 takes a free one"),
  slots: z
    .int()
    .positive()
    .max(1024)
    .default(16)
    .describe("texts that are written at the same time, per model"),
  draft: z
    .enum(["auto", "none"])
    .default("none")
    .describe(
      "auto drafts with few loops if gyre calibrate found that it pays; drafts share no calls, so this suits one reader " +
        "at a time",
    ),
});
/** How a server runs, unless told. */
export const serveDefaults = serveSchema.parse({});

import * as z from "zod";
import { most } from "../util/limits.ts";

const count = z.int().positive();

/** What one server takes; each refusal names its limit. */
export const limitsSchema = z.strictObject({
  bodyBytes: count.default(2 ** 20).describe("largest body in bytes; more gets 413"),
  queue: z
    .int()
    .min(0)
    .default(64)
    .describe("texts that wait for a slot, per model; who finds so many gets 429"),
  seconds: z.number().positive().default(300).describe("time for one request, waiting included; then 504"),
  choices: count.default(128).describe("texts of one request, prompts times n"),
  promptTokens: count.optional().describe("longest prompt; more gets 400; the context when left out"),
  loops: z
    .int()
    .positive()
    .max(most.loops)
    .optional()
    .describe("most loops that a request may ask for; the full depth when left out"),
});
/** What a server accepts at most. */
export type Limits = Readonly<z.infer<typeof limitsSchema>>;

/** What a server accepts at most, unless told. */
export const defaultLimits: Limits = limitsSchema.parse({});

/** How a server runs, besides its limits. */
export const serveSchema = z.strictObject({
  port: z.int().min(0).max(65_535).default(8080).describe("port to listen on; 0 takes a free one"),
  slots: z.int().positive().max(1024).default(16).describe("texts that are written at a time, per model"),
  draft: z
    .enum(["auto", "none"])
    .default("none")
    .describe(
      "auto drafts with few loops where gyre calibrate found that it pays; for one reader at a time, as drafts share " +
        "no calls",
    ),
});
/** How a server runs, unless told. */
export const serveDefaults = serveSchema.parse({});

import * as z from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { most } from "../util/limits.ts";
import { badSweep } from "./errors.ts";

const range = z
  .strictObject({
    from: z.number(),
    to: z.number(),
    scale: z.enum(["linear", "log"]).default("linear").describe("evenly in the number or in its logarithm"),
    whole: z.boolean().default(false).describe("whole numbers only"),
  })
  .refine(({ from, to }) => from < to, { error: "from must be below to" })
  .refine(({ from, scale }) => scale === "linear" || from > 0, { error: "a log scale begins above 0" });

const dimension = z.union([z.array(z.json()).min(1), range]);

/** A sweep as plain data: one recipe, and what is tried of its fields. */
export const sweepSchema = z.strictObject({
  $schema: z.string().optional().describe("address of a JSON schema, for editors"),
  description: z.string().optional().describe("what the sweep is for"),
  data: z.string().optional().describe("dataset to train on; a recipe of a task needs none"),
  recipe: z
    .union([z.string(), z.record(z.string(), z.json())])
    .describe("a recipe, or the path of one from the sweep's own folder"),
  search: z
    .record(z.string(), dimension)
    .describe("values to try for each field: a list, or a range from which trials draw"),
  trials: z
    .int()
    .positive()
    .max(10_000)
    .optional()
    .describe("number of random trials; by default every combination of the lists is a trial"),
  drawSeed: z.int().min(0).default(1).describe("seed of the random trials"),
  seeds: z
    .array(z.int().min(0))
    .min(1)
    .default([1])
    .describe("seeds of training; each trial has a run for each"),
  halving: z
    .strictObject({
      first: z.int().positive().max(most.steps).describe("steps after which trials are compared first"),
      factor: z
        .int()
        .min(2)
        .max(100)
        .default(3)
        .describe("one in this many trials continues, for this many times the steps"),
    })
    .optional()
    .describe("successive halving: only the best trials continue; by default all train to the end"),
  evalEvery: z
    .int()
    .positive()
    .optional()
    .describe("steps between measurements on held-out data; by default a tenth of the run, but at least 100"),
});
/** A sweep with its defaults filled in. */
export type Sweep = z.infer<typeof sweepSchema>;
/** What is tried of a field. */
export type Dimension = z.infer<typeof dimension>;

/** Checks a sweep that was read from outside; `from` names it in the error. Throws SWEEP_FILE listing every problem. */
export function parseSweep(json: unknown, from: string): Sweep {
  const { success, data, error } = sweepSchema.safeParse(json, { error: inWords });
  if (!success) throw badSweep(from, problemsOf(error, "sweep"));
  const problems = [
    ...(Object.keys(data.search).length === 0 ? ["search: names no field"] : []),
    ...(new Set(data.seeds).size < data.seeds.length ? ["seeds: one of them is there twice"] : []),
    ...Object.entries(data.search)
      .filter(([, tried]) => !Array.isArray(tried) && data.trials === undefined)
      .map(([field]) => `search.${field}: a range is drawn from, and "trials" does not say how often`),
  ];
  if (problems.length > 0) throw badSweep(from, problems);
  return data;
}

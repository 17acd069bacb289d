import * as z from "zod";

const count = z.int().nonnegative();
const positive = z.int().positive();
const text = z.string();

const sweepTrialSchema = z.strictObject({
  name: text,
  /** The value of each field that is searched. */
  chosen: z.record(text, z.unknown()),
  /** Optimizer steps that its runs have done. */
  steps: count,
  /** The best on held-out data at full depth, for each seed; null where a run failed. */
  values: z.array(z.number().nullable()).min(1),
  /** What a run that failed said. */
  problem: text.optional(),
});
/** A trial of a sweep, and what its runs came to. */
export type SweepTrial = z.infer<typeof sweepTrialSchema>;

/** What a sweep's report holds besides its provenance. */
export const sweepShape = {
  name: text,
  measure: z.enum(["bitsPerByte", "accuracy"]),
  /** Steps after which trials were compared, and how many there were. */
  rungs: z.array(z.strictObject({ steps: positive, trials: positive })).min(1),
  /** Best first; those that went further come before all that did not. */
  trials: z.array(sweepTrialSchema).min(1),
};

import { z } from "zod";
import { reportEmpty, reportInvalid } from "./errors.ts";

const count = z.number().int().nonnegative();
const positiveInteger = z.number().int().positive();

const budgetPointSchema = z
  .strictObject({
    loops: positiveInteger,
    /** The step sizes dt of the loops. */
    trajectory: z.array(z.number().positive()).min(1),
    /** Nats per token. */
    loss: z.number().nonnegative(),
    perplexity: z.number().positive(),
    bitsPerByte: z.number().nonnegative(),
    /** Of one forward pass, head included. */
    flopsPerToken: z.number().positive(),
    elapsedMs: z.number().nonnegative(),
    /** Number of tokens that were predicted. */
    tokens: count,
    /** Standard error of `loss`, in nats per token, as if tokens were independent. */
    stderr: z.number().nonnegative().optional(),
  })
  .refine(({ loops, trajectory }) => trajectory.length === loops, {
    path: ["trajectory"],
    message: "must hold one step size for each loop",
  });

const modelReportSchema = z.strictObject({
  name: z.string(),
  family: z.string(),
  spec: z.unknown(),
  parameters: count,
  /** The most loops that training used; a trajectory lies on the grid of 1 / trainedLoops. */
  trainedLoops: positiveInteger,
  points: z.array(budgetPointSchema),
});

const provenanceSchema = z.strictObject({
  /** Of gyre, where it is known. */
  commit: z.string().optional(),
  machine: z.string(),
  runtime: z.string(),
  dataset: z.string(),
  split: z.string(),
  /** Kind and size of the tokenizer, in words. */
  tokenizer: z.string(),
  /** Tokens predicted at each budget. */
  tokens: count,
  /** Longest window, in tokens. */
  context: positiveInteger,
  /** Tokens between the starts of windows. */
  stride: positiveInteger,
});

/** What report.json holds: the quality of models at budgets ("budget") or along trajectories ("trajectories"). */
const reportSchema = z.strictObject({
  version: z.literal(1),
  kind: z.enum(["budget", "trajectories"]),
  createdAt: z.string(),
  /** The command line that made the report. */
  command: z.string(),
  provenance: provenanceSchema,
  models: z.array(modelReportSchema),
});

export type Report = z.infer<typeof reportSchema>;
export type ModelReport = z.infer<typeof modelReportSchema>;
export type BudgetPoint = z.infer<typeof budgetPointSchema>;
/** The two readings of the loss that figures can show; lower is better in both. */
export type Metric = "bitsPerByte" | "perplexity";

/** Checks parsed JSON; `source` names it in the error. Throws EVAL_REPORT with every wrong field. */
export function parseReport(value: unknown, source = "report"): Report {
  const parsed = reportSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join(".")}: ${message}` : message,
  );
  throw reportInvalid(source, problems);
}

/** A model with one of its points. */
export interface Measurement {
  readonly model: ModelReport;
  readonly point: BudgetPoint;
}

/** Every point of a report with its model, in order. Throws EVAL_REPORT_EMPTY when there is none. */
export function measurements(report: Report): Measurement[] {
  const all = report.models.flatMap((model) => model.points.map((point) => ({ model, point })));
  if (all.length === 0) throw reportEmpty();
  return all;
}

export function isUniform(trajectory: readonly number[]): boolean {
  return trajectory.every((step) => Math.abs(step * trajectory.length - 1) < 1e-6);
}

/** A trajectory in whole units of 1 / `grid`; undefined where it does not lie on that grid. */
export function gridUnits(trajectory: readonly number[], grid: number): number[] | undefined {
  const units = trajectory.map((step) => Math.round(step * grid));
  const isOnGrid = trajectory.every((step, index) => Math.abs(step * grid - (units[index] as number)) < 1e-4);
  return isOnGrid ? units : undefined;
}

/** A trajectory as text, in units of 1 / `grid` where it lies on that grid: `(1 1 2 4)/8`. */
export function trajectoryText(trajectory: readonly number[], grid: number): string {
  const units = gridUnits(trajectory, grid);
  return units ? `(${units.join(" ")})/${grid}` : `(${trajectory.map((step) => step.toFixed(3)).join(" ")})`;
}

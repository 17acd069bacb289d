import * as z from "zod";
import { answerClaimSchema, answerExitSchema, answerPointSchema, taskSchema } from "./answers.ts";
import { chartSchema } from "./chart.ts";
import { modelCostSchema, speedSchema } from "./cost.ts";
import { reportEmpty } from "./errors.ts";
import { analysisSchema } from "./states.ts";
import { sweepShape } from "./sweep.ts";

const count = z.int().nonnegative();
const positive = z.int().positive();
const text = z.string();

/** Where a report's numbers come from. */
const provenanceSchema = z.strictObject({
  /** The command line that made the report. */
  command: text,
  /** Of gyre, where it is known. */
  commit: text.optional(),
  /** ISO 8601; reports of older versions may lack it. */
  createdAt: text.optional(),
  machine: text,
  /** What computed, with its number of threads. */
  runtime: text.optional(),
  data: z
    .strictObject({
      name: text,
      split: text.optional(),
      /** Checksum of the dataset's manifest. */
      sha256: text.optional(),
    })
    .optional(),
  seeds: z.array(z.int()).optional(),
});
/** What made a report: the command, the machine, the date and the commit. */
export type Provenance = z.infer<typeof provenanceSchema>;

/** A model that was measured: the name of its run, and which of its weights. */
const modelSchema = z.strictObject({
  name: text,
  /** Optimizer steps that the weights have seen. */
  step: count.optional(),
  /** Checksum of the weights. */
  sha256: text.optional(),
});
/** A model that was measured: the name of its run, and which of its weights. */
export type MeasuredModel = z.infer<typeof modelSchema>;

const budgetPointSchema = z
  .strictObject({
    loops: positive,
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
/** Quality and cost of a model at one budget. */
export type BudgetPoint = z.infer<typeof budgetPointSchema>;

const modelReportSchema = modelSchema.extend({
  family: text,
  spec: z.unknown(),
  parameters: count,
  /** The most loops that training used; a trajectory lies on the grid of 1 / trainedLoops. */
  trainedLoops: positive,
  points: z.array(budgetPointSchema),
});
/** A language model of a report: what it is, and its points. */
export type ModelReport = z.infer<typeof modelReportSchema>;

const protocolSchema = z.strictObject({
  /** Kind and size of the tokenizer, in words. */
  tokenizer: text,
  /** Tokens predicted at each budget. */
  tokens: count,
  /** Longest window, in tokens. */
  context: positive,
  /** Tokens between the starts of windows. */
  stride: positive,
});

const exitOutcomeSchema = z.strictObject({
  name: text,
  /** Nats per token, and its standard error. */
  loss: z.number().nonnegative(),
  stderr: z.number().nonnegative().optional(),
  meanLoops: z.number(),
  /** Passes of the core for each token, those made up for later included. */
  passesPerToken: z.number(),
  tokens: count.optional(),
  /** Tokens that ran 1, 2, ... loops. */
  counts: z.array(count).optional(),
});
/** How well a text is predicted when its tokens leave their loops in one way. */
export type ExitOutcome = z.infer<typeof exitOutcomeSchema>;

/** A rule at several limits, each beside a random exit with the same numbers of loops; none for fixed depths. */
const exitCurveSchema = z.strictObject({
  name: text,
  points: z.array(exitOutcomeSchema),
  random: z.array(exitOutcomeSchema),
});
/** Quality against loops of one exit rule, over its thresholds. */
export type ExitCurve = z.infer<typeof exitCurveSchema>;

const draftSchema = z.strictObject({ kind: z.enum(["prefix", "coarse"]), loops: positive, tokens: positive });

const timedDraftSchema = z.strictObject({
  draft: draftSchema,
  /** Of the draft, and of plain decoding in turn with it: medians. */
  tokensPerSecond: z.number().positive(),
  plainTokensPerSecond: z.number().positive(),
  /** Drafted tokens that were kept. */
  acceptance: z.number().min(0).max(1),
  blockPassesPerToken: z.number().positive(),
});
/** How fast texts are with one draft, and without. */
export type TimedDraft = z.infer<typeof timedDraftSchema>;

/** Whether drafts pay for one model on one machine, at its full depth, in greedy text. */
const calibrationSchema = z.strictObject({
  /** Loops that verify. */
  loops: positive,
  /** Tokens written in a turn. */
  tokens: positive,
  drafts: z.array(timedDraftSchema),
  /** The fastest draft, if it is faster than plain decoding by a margin that is more than noise. */
  best: draftSchema.nullable(),
});
/** Which draft decodes fastest on this machine, and how much is gained. */
export type Calibration = z.infer<typeof calibrationSchema>;

const answerModelSchema = modelSchema.extend({
  family: text,
  spec: z.unknown(),
  parameters: count,
  trainedLoops: positive,
  points: z.array(answerPointSchema).min(1),
});
/** A model of a report on answers: how many are right at each number of loops. */
export type AnswerModel = z.infer<typeof answerModelSchema>;

const answersShape = {
  task: taskSchema,
  /** Held-out problems that were asked. */
  problems: positive,
  difficulties: z.array(count).min(1),
  /** Difficulties with too few problems to hold any out. */
  shared: z.array(count),
  /** A difficulty is solved where this share is right. */
  solvedAt: z.number(),
  /** The first problem at its scored positions: what is read there, and what is right. */
  example: z.strictObject({ read: z.array(text), right: z.array(text) }).optional(),
  models: z.array(answerModelSchema).min(1),
  /** What is right of all that is held out without any of them, where that is known. */
  baselines: z.array(z.strictObject({ name: text, accuracy: z.number().min(0).max(1) })).optional(),
  /** What the models were compared for. */
  claims: z.array(answerClaimSchema).optional(),
};

const benchmarkEntrySchema = z.strictObject({
  benchmark: text,
  metric: text,
  value: z.number(),
  stderr: z.number().nonnegative().optional(),
  /** Questions of whose context the beginning was left out. */
  cut: count,
});
/** One metric of one benchmark at one budget. */
export type BenchmarkEntry = z.infer<typeof benchmarkEntrySchema>;

const benchmarkMeanSchema = z.strictObject({
  metric: text,
  value: z.number(),
  /** Of independent benchmarks. */
  stderr: z.number().nonnegative().optional(),
  benchmarks: positive,
});
/** An accuracy over all benchmarks that have it. */
export type BenchmarkMean = z.infer<typeof benchmarkMeanSchema>;

const benchmarkPointSchema = z.strictObject({
  /** Left out where a server does not say. */
  loops: positive.optional(),
  /** How the budget is called: its number of loops, its step sizes, or "as served". */
  budget: text,
  elapsedMs: z.number().nonnegative(),
  entries: z.array(benchmarkEntrySchema),
  means: z.array(benchmarkMeanSchema),
});
/** All benchmarks at one budget. */
export type BenchmarkPoint = z.infer<typeof benchmarkPointSchema>;

const benchmarkModelSchema = modelSchema.extend({
  /** Where it comes from: family, size and training, or the server's address. */
  source: text,
  points: z.array(benchmarkPointSchema),
});
/** A model of a report on benchmarks: its scores at each budget. */
export type BenchmarkModel = z.infer<typeof benchmarkModelSchema>;

const claimSchema = z.strictObject({
  text,
  measured: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
  limit: z.number(),
  holds: z.boolean(),
});
/** A measured statement: `measured` is to satisfy the inequality that `text` states. */
export type Claim = z.infer<typeof claimSchema>;

const findingsSchema = z.strictObject({
  title: text,
  charts: z.array(chartSchema).min(1),
  claims: z.array(claimSchema),
  table: z.strictObject({ head: z.array(text), rows: z.array(z.array(text)) }).optional(),
  /** Settings by name, for whoever wants to redo it. */
  settings: z.record(text, z.unknown()),
});
/** What the laboratory measured: the numbers behind its charts and the claims that they decide. */
export type Findings = z.infer<typeof findingsSchema>;

const reportOf = <Kind extends string, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) =>
  z.strictObject({ version: z.literal(2), kind: z.literal(kind), provenance: provenanceSchema, ...shape });

const lookedShape = { model: modelSchema, analysis: analysisSchema };
const qualityShape = { protocol: protocolSchema, models: z.array(modelReportSchema) };

/** What each kind of measurement holds. */
const kinds = {
  /** Quality of models at budgets. */
  budgets: reportOf("budgets", qualityShape),
  /** Quality of models along trajectories. */
  trajectories: reportOf("trajectories", qualityShape),
  /** What leaving loops early costs. */
  exits: reportOf("exits", {
    model: modelSchema,
    /** What later tokens attend to in loops that an earlier one never ran. */
    cachePolicy: text,
    /** Tokens whose prediction was scored for each point. */
    tokens: count,
    series: z.array(exitCurveSchema),
  }),
  /** Whether drafts pay. */
  drafts: reportOf("drafts", { model: modelSchema, calibration: calibrationSchema }),
  /** What models score on benchmarks at each budget. */
  benchmarks: reportOf("benchmarks", {
    benchmarks: z.array(
      z.strictObject({ name: text, kind: text, file: text, questions: count, sha256: text.optional() }),
    ),
    models: z.array(benchmarkModelSchema),
  }),
  /** What states do in the loops; `others` are models that were looked into on the same texts. */
  states: reportOf("states", {
    ...lookedShape,
    others: z.array(z.strictObject(lookedShape)).min(1).optional(),
    claims: z.array(answerClaimSchema).optional(),
  }),
  /** What models answer to held-out problems of a task at each budget. */
  answers: reportOf("answers", answersShape),
  /** What trials of a recipe came to. */
  sweep: reportOf("sweep", sweepShape),
  /** Exit rules on the answers to a task. */
  "answer-exits": reportOf("answer-exits", {
    model: modelSchema,
    task: taskSchema,
    problems: positive,
    /** Loops of the whole trajectory. */
    loops: positive,
    exits: z.array(answerExitSchema).min(1),
  }),
  /** What the laboratory found. */
  lab: reportOf("lab", { findings: findingsSchema }),
};

const cardShape = {
  model: modelSchema.extend({ spec: z.unknown(), trainedLoops: positive }),
  cost: modelCostSchema,
  /** Models that it is measured beside. */
  baselines: z.array(modelCostSchema),
  /** How it was trained, line by line. */
  training: z.array(z.strictObject({ name: text, text })),
  /** At every number of loops, the card's model first, then its baselines. */
  quality: z.discriminatedUnion("kind", [kinds.budgets, kinds.answers]).optional(),
  /** Along trajectories. */
  trajectories: z.discriminatedUnion("kind", [kinds.trajectories, kinds.answers]).optional(),
  /** On text, one for each cache policy. */
  exits: z.array(kinds.exits),
  /** On a task's answers. */
  answerExits: kinds["answer-exits"].optional(),
  drafts: kinds.drafts.optional(),
  states: kinds.states.optional(),
  speed: speedSchema.optional(),
  /** What was not measured, and why. */
  missing: z.array(z.strictObject({ part: text, why: text })),
};

/** What a report's JSON holds, version 2: numbers and where they come from; pictures and pages are made of it. */
export const reportSchema = z.discriminatedUnion("kind", [
  kinds.budgets,
  kinds.trajectories,
  kinds.exits,
  kinds.drafts,
  kinds.benchmarks,
  kinds.states,
  kinds.answers,
  kinds.sweep,
  kinds["answer-exits"],
  kinds.lab,
  /** Everything about one checkpoint. */
  reportOf("card", cardShape),
]);

/** What `report.json` holds, whatever was measured. */
export type Report = z.infer<typeof reportSchema>;
/** What a report measured. */
export type ReportKind = Report["kind"];
/** The report of a kind. */
export type ReportOf<Kind extends ReportKind> = Extract<Report, { kind: Kind }>;
/** A report on the quality of language models. */
export type QualityReport = ReportOf<"budgets" | "trajectories">;

/** A model with one of its points. */
export interface Measurement {
  readonly model: ModelReport;
  readonly point: BudgetPoint;
}

/** Every point of a report with its model, in order. Throws EVAL_REPORT_EMPTY when there is none. */
export function measurements(report: QualityReport): Measurement[] {
  const all = report.models.flatMap((model) => model.points.map((point) => ({ model, point })));
  if (all.length === 0) throw reportEmpty();
  return all;
}

/** The claim that `measured` is at most `limit`. */
export const atMost = (claim: string, measured: number, limit: number): Claim => ({
  text: claim,
  measured,
  limit,
  holds: measured <= limit,
});

import * as z from "zod";

// What reports say of tasks of tokens: the answers at each budget, claims on them, and exits.

const count = z.int().nonnegative();
const positive = z.int().positive();
const text = z.string();

/** A task of tokens. */
export const taskSchema = z.strictObject({
  name: text,
  variant: text.optional(),
  /** What difficulty counts. */
  counts: text,
  answer: z.enum(["read", "written"]),
  scores: z.enum(["problems", "prefixes"]),
  hasOneAnswer: z.boolean(),
});
/** A task of tokens, as reports know it. */
export type ReportTask = z.infer<typeof taskSchema>;

/** The answers at one budget. */
export const answerPointSchema = z.strictObject({
  loops: positive,
  trajectory: z.array(z.number().positive()).min(1),
  /** From the easiest difficulty on. */
  scores: z.array(
    z.strictObject({
      difficulty: count,
      problems: positive,
      right: count,
      /** Scored tokens, and how many of them are right given the right ones before. */
      tokens: count.optional(),
      rightTokens: count.optional(),
    }),
  ),
  /** Share of problems answered rightly, the mean over difficulties. */
  accuracy: z.number().min(0).max(1),
  /** The hardest difficulty that is solved, as are all easier ones that were asked; none where the first is not. */
  solved: count.optional(),
  /** What it answers to the report's example, position by position. */
  example: z.array(text).optional(),
});
/** How well a model answers at one budget. */
export type AnswerPoint = z.infer<typeof answerPointSchema>;

/** An inequality about models of a task. */
export const answerClaimSchema = z.strictObject({
  /** What others call it: D1. */
  id: text,
  text,
  /** Left out where the runs that decide it are missing. */
  measured: z.number().optional(),
  is: z.enum(["at least", "at most"]),
  limit: z.number(),
});
/** An inequality about models of a task; without a measured value it is open. */
export type AnswerClaim = z.infer<typeof answerClaimSchema>;

/** The answers where each leaves its loops in one way. */
export const answerExitSchema = z.strictObject({
  name: text,
  /** Share of problems answered rightly, the mean over difficulties. */
  accuracy: z.number().min(0).max(1),
  /** Of all scored tokens. */
  meanLoops: z.number().positive(),
  /** From the easiest difficulty on. */
  scores: z.array(
    z.strictObject({ difficulty: count, problems: positive, right: count, meanLoops: z.number().positive() }),
  ),
});
/** How a task is answered when its tokens leave their loops in one way. */
export type AnswerExit = z.infer<typeof answerExitSchema>;

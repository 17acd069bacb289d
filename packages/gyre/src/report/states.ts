import * as z from "zod";
import { real } from "./chart.ts";

const count = z.int().nonnegative();
const positive = z.int().positive();

/** A number of each token: its quartiles over all tokens. */
const spreadSchema = z.strictObject({ low: real, median: real, high: real });
/** A mean and the quantiles around it. */
export type Spread = z.infer<typeof spreadSchema>;

/** A token that a state would predict. */
const guessSchema = z.strictObject({ token: count, text: z.string(), probability: real });

/** The states of all tokens after one loop. Numbers that need loops before it are left out of the first ones. */
const loopSchema = z.strictObject({
  loops: count,
  norm: spreadSchema,
  /** |h_l - h_(l-1)| / |h_(l-1)|. */
  change: spreadSchema.optional(),
  /** |h_l - 2 h_(l-1) + h_(l-2)| / |h_l|. */
  secondDifference: spreadSchema.optional(),
  /** Radians. */
  angle: spreadSchema.optional(),
  /** Total variation distance of attention from the loop before, from 0 to 1; reports before November 2026 lack it. */
  attentionDrift: spreadSchema.optional(),
  /** Radians; as the next three a mean over texts. */
  curvature: real,
  anisotropy: real,
  /** Nats. */
  promptEntropy: real,
  effectiveRank: real,
  /** What the head would read after this loop; before the first one nothing is read. */
  lens: z
    .strictObject({
      /** Nats per token. */
      loss: real,
      /** KL in nats from what is read after the last loop. */
      kl: spreadSchema,
      /** Place of the last loop's best token, from 1. */
      rank: spreadSchema,
      /** Share of tokens whose best next token is the last loop's already. */
      agreement: real,
    })
    .optional(),
});
/** The states of all tokens after one loop. */
export type LoopMeasures = z.infer<typeof loopSchema>;

/** One token of the first text, loop by loop. */
const traceSchema = z.strictObject({
  position: count,
  token: count,
  text: z.string(),
  loops: z.array(
    z.strictObject({
      loops: count,
      norm: real,
      change: real.optional(),
      secondDifference: real.optional(),
      angle: real.optional(),
      attentionDrift: real.optional(),
      kl: real.optional(),
      rank: count.optional(),
      top: z.array(guessSchema).optional(),
      /** Coordinates along the leading directions of the text's states. */
      orbit: z.array(real),
    }),
  ),
});
/** One token of the first text, loop by loop. */
export type TokenTrace = z.infer<typeof traceSchema>;

/** What the last loop does to small disturbances of the states that a run ends in. */
const stabilitySchema = z.strictObject({
  /** Spectral radius of the Jacobian between states: the largest over the texts looked at. */
  radius: real,
  /** Of the Jacobian between unit vectors. */
  directionalRadius: real,
  /** Largest singular value: by how much one loop can stretch a disturbance at most. */
  norm: real,
  /** Whether power iteration settled in every text, on an eigenvalue or a pair; else rates of growth stand in. */
  isExact: z.boolean(),
  texts: positive,
});
/** What the last loop does to small disturbances. */
export type LoopStability = z.infer<typeof stabilitySchema>;

/** A run of so many loops. */
const loopedSchema = z.strictObject({
  loops: positive,
  steps: z.array(loopSchema).min(1),
  /** Linear CKA of the states after every two of `steps`. */
  cka: z.array(z.array(real)),
  /** The shares of variance of the directions of `orbit`s. */
  explained: z.array(real),
  tokens: z.array(traceSchema),
  stability: stabilitySchema,
});
/** The loops of one depth: their states, and how alike they are. */
export type RunAnalysis = z.infer<typeof loopedSchema>;

/** Loss after a number of loops, beside the best that fewer loops give. */
const dialSchema = z.strictObject({
  loops: positive,
  /** Nats per token, at the end of a run of so many loops. */
  loss: real,
  /** Loss over that of the best number of loops up to this one: 0 where this is the best. */
  worse: real,
  /** Standard error of `worse`, from token to token. */
  stderr: real,
});
/** Loss after a number of loops, beside the best that fewer loops give. */
export type DialPoint = z.infer<typeof dialSchema>;

const tendencySchema = z.enum(["settling", "marginal", "drifting"]);
/** Which way a number points. */
export type Tendency = z.infer<typeof tendencySchema>;

const verdictSchema = z.strictObject({
  /** What both signals say; `marginal` where they do not agree. */
  tendency: tendencySchema,
  fromChanges: tendencySchema,
  fromRadius: tendencySchema,
  /** Factor by which the relative change of states grows from loop to loop, over the second half of the run. */
  trend: real,
  /** The most loops, of those tried, up to which more of them do no harm. */
  safeLoops: positive,
  /** Whether more loops than `safeLoops` were tried, and did harm. */
  isLimited: z.boolean(),
  /** The same in sentences. */
  text: z.array(z.string()),
});
/** Whether the loops settle, and up to how many the dial may be turned. */
export type Verdict = z.infer<typeof verdictSchema>;

/** A look inside the loops of a model: what the states of some texts do, loop by loop. */
export const analysisSchema = z.strictObject({
  fullDepth: positive,
  texts: positive,
  /** Tokens looked at, in texts of equal length. */
  tokens: positive,
  runs: z.array(loopedSchema).min(1),
  /** Loss by number of loops. */
  dial: z.array(dialSchema).min(1),
  /** The run that the verdict is about, by its number of loops. */
  judged: positive,
  verdict: verdictSchema,
});
/** What `analyze` found out about the loops of a model. */
export type Analysis = z.infer<typeof analysisSchema>;

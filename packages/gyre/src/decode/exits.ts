import { rng } from "../util/rng.ts";
import type { FloatData } from "../util/tensor.ts";
import { badExit, badExitText } from "./errors.ts";
import { softmaxOf } from "./sampling.ts";

// When has a token been computed long enough? A rule is asked after every loop but the last.

/** What a rule may look at. */
export interface LoopsSoFar {
  /** Loops that the token has run. */
  readonly loops: number;
  /** Loops that it may run. */
  readonly most: number;
  /** Its state [d] before the first loop, and after each: `loops` + 1 of them. */
  readonly states: readonly FloatData[];
  /** What it would predict after each loop, [vocab]; empty for rules that read states only. */
  readonly logits: readonly FloatData[];
}

/** Decides, loop by loop, when a token has been thought about enough. */
export interface ExitRule {
  readonly name: string;
  /** `logits` costs a pass of the head after every loop. */
  readonly reads: "states" | "logits";
  /** Most loops, if not the model's full depth; the trajectory is the uniform one of so many. */
  readonly most?: number;
  /** Whether the loop that just ran was the last. */
  exit(soFar: LoopsSoFar): boolean;
}

/** A limit on the loops of an exit rule. */
export interface MostLoops {
  readonly most?: number;
}

/** Exactly one of its fields. */
export type OneOf<Fields> = {
  [Name in keyof Fields]: { readonly [Only in Name]: number } & {
    readonly [Other in Exclude<keyof Fields, Name>]?: never;
  };
}[keyof Fields];

/**
 * Exits when the state has settled: when the last loop changed it by less than `change`, relative to its norm;
 * or when the change itself changed by less than `secondDifference`, relative to the state's norm (two-scale
 * latent dynamics, arXiv 2509.23314). Throws EXIT.
 */
export function untilSettled(
  threshold: OneOf<{ change: number; secondDifference: number }> & MostLoops,
): ExitRule {
  const { change, secondDifference, ...most } = threshold;
  const isSecond = secondDifference !== undefined;
  const limit = checkLimit(isSecond ? "secondDifference" : "change", isSecond ? secondDifference : change);
  return {
    name: `${isSecond ? "second difference" : "change"} < ${limit}`,
    reads: "states",
    ...most,
    exit({ states }) {
      const [now, before, earlier] = [states.at(-1), states.at(-2), states.at(-3)] as [
        FloatData,
        FloatData,
        FloatData?,
      ];
      if (!isSecond) return distance(now, (index) => before[index] as number) < limit * norm(before);
      if (!earlier) return false;
      return (
        distance(now, (index) => 2 * (before[index] as number) - (earlier[index] as number)) <
        limit * norm(now)
      );
    },
  };
}

/**
 * Exits when the prediction is confident: the best token's probability, or its lead over the second, above a
 * limit; the entropy (nats), or the divergence KL(now || a loop before) (nats), below one. Throws EXIT.
 */
export function untilConfident(
  threshold: OneOf<{ probability: number; margin: number; entropy: number; kl: number }> & MostLoops,
): ExitRule {
  const { most, ...limits } = threshold;
  const [kind, given] = Object.entries(limits).find(([, value]) => value !== undefined) as [
    keyof typeof measures,
    number,
  ];
  const limit = checkLimit(kind, given);
  const { isBelow, measure } = measures[kind];
  return {
    name: `${kind} ${isBelow ? "<" : ">"} ${limit}`,
    reads: "logits",
    ...(most === undefined ? {} : { most }),
    exit({ logits }) {
      const value = measure(
        softmaxOf(logits.at(-1) as FloatData),
        logits.length > 1 ? softmaxOf(logits.at(-2) as FloatData) : undefined,
      );
      return isBelow ? value < limit : value > limit;
    },
  };
}

/**
 * Exits after a number of loops drawn from `counts` (how many tokens ran 1, 2, ... loops): what a rule with the
 * same histogram is worth without looking. Throws EXIT.
 */
export function exitAtRandom(counts: readonly number[], seed = 0): ExitRule {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!(total > 0 && counts.every((count) => count >= 0)))
    throw badExit("counts", counts.join(), "counts, not all 0");
  const random = rng(seed, "exit");
  return {
    name: "random",
    reads: "states",
    most: counts.length,
    exit({ loops }) {
      const left = counts.slice(loops - 1).reduce((sum, count) => sum + count, 0);
      return random.uniform() * left < (counts[loops - 1] as number);
    },
  };
}

/**
 * The rule that a text names: `change<0.1`, `second-difference<0.02`, `probability>0.9`, `margin>0.5`,
 * `entropy<1` or `kl<0.01`. Throws EXIT.
 */
export function exitRule(text: string, most?: number): ExitRule {
  const [, kind = "", sign, limit] = /^\s*([a-z-]+)\s*([<>])\s*([0-9.e+-]+)\s*$/.exec(text) ?? [];
  const make = named[`${kind}${sign}`];
  if (!make) throw badExitText(text, Object.keys(named));
  return { ...make(Number(limit)), ...(most === undefined ? {} : { most }) };
}

const named: Readonly<Record<string, (limit: number) => ExitRule>> = {
  "change<": (change) => untilSettled({ change }),
  "second-difference<": (secondDifference) => untilSettled({ secondDifference }),
  "probability>": (probability) => untilConfident({ probability }),
  "margin>": (margin) => untilConfident({ margin }),
  "entropy<": (entropy) => untilConfident({ entropy }),
  "kl<": (kl) => untilConfident({ kl }),
};

type Measure = (now: Float64Array, before: Float64Array | undefined) => number;

const measures: Readonly<
  Record<"probability" | "margin" | "entropy" | "kl", { isBelow: boolean; measure: Measure }>
> = {
  probability: { isBelow: false, measure: (now) => best(now)[0] },
  margin: {
    isBelow: false,
    measure(now) {
      const [first, second] = best(now);
      return first - second;
    },
  },
  entropy: {
    isBelow: true,
    measure: (now) => -now.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0),
  },
  kl: {
    isBelow: true,
    measure: (now, before) =>
      before
        ? now.reduce((sum, p, token) => sum + (p > 0 ? p * Math.log(p / (before[token] as number)) : 0), 0)
        : Number.POSITIVE_INFINITY,
  },
};

function checkLimit(name: string, limit: number): number {
  if (!(limit >= 0)) throw badExit(name, limit, "a number of at least 0");
  return limit;
}

function best(probabilities: Float64Array): [number, number] {
  let [first, second] = [0, 0];
  for (const p of probabilities) {
    if (p > first) [first, second] = [p, first];
    else if (p > second) second = p;
  }
  return [first, second];
}

const norm = (state: FloatData): number => distance(state, () => 0);

function distance(state: FloatData, from: (index: number) => number): number {
  let sum = 0;
  for (let index = 0; index < state.length; index++) sum += ((state[index] as number) - from(index)) ** 2;
  return Math.sqrt(sum);
}

import type { TokenSplit } from "../data/windows.ts";
import type { Decoder } from "../decode/decoder.ts";
import { type ExitRule, exitAtRandom, exitRule } from "../decode/exits.ts";
import { softmaxOf } from "../decode/sampling.ts";
import { advance, type CachePolicy, isExitRule, type Loops, Stream } from "../decode/stream.ts";
import { counted } from "../report/numbers.ts";
import type { ExitOutcome } from "../report/report.ts";
import { standardError } from "../util/statistics.ts";

/** How well a model predicts a text whose tokens leave their loops by a rule. */
export type ExitPoint = ExitOutcome & {
  readonly stderr: number;
  readonly tokens: number;
  readonly counts: readonly number[];
};

/** Which text is read to measure exit rules, and how. */
export interface ReadingOptions {
  readonly split: TokenSplit;
  /** Tokens to predict: whole windows of the context, in which the first `PROMPT` tokens are given. */
  readonly tokens: number;
  readonly cachePolicy?: CachePolicy;
  readonly signal?: AbortSignal;
}

/** Tokens at the start of each window, which run all loops and are not scored. */
export const PROMPT = 8;

const WINDOWS_AT_A_TIME = 16;

/** Reads the beginning of a split token by token, as decoding would, and scores every prediction. */
export async function readWithExits(
  decoder: Decoder,
  name: string,
  loops: Loops,
  { split, tokens, cachePolicy = "recompute", signal }: ReadingOptions,
): Promise<ExitPoint> {
  const { context, layers } = decoder.model.spec;
  const starts: number[] = [];
  while (starts.length * (context - PROMPT) < tokens && (starts.length + 1) * context <= split.length)
    starts.push(starts.length * context);
  /** Blocks of prelude and coda for a prediction: a rule that reads predictions has the coda run after every loop. */
  const besideLoops = (ran: number): number =>
    layers.prelude + layers.coda * (isExitRule(loops) && loops.reads === "logits" ? ran : 1);
  const counts: number[] = [];
  const sums = { loss: 0, squares: 0, loops: 0, passes: 0, tokens: 0 };
  for (let first = 0; first < starts.length; first += WINDOWS_AT_A_TIME) {
    const readers = await Promise.all(
      starts.slice(first, first + WINDOWS_AT_A_TIME).map(async (start) => {
        const window = split.read(start, start + context);
        const follow = window.subarray(PROMPT);
        const options = { loops, cachePolicy, follow, maxTokens: follow.length, window: "stop" as const };
        return { stream: await Stream.open(decoder, window.subarray(0, PROMPT), options), follow, read: 0 };
      }),
    );
    for (let active = readers; active.length > 0; active = active.filter(({ stream }) => !stream.finish)) {
      signal?.throwIfAborted();
      const streams = active.map(({ stream }) => stream);
      for (const [index, token] of (await advance(decoder, streams)).entries()) {
        const reader = active[index] as (typeof readers)[number];
        // the prediction after the prompt ran all loops: it says nothing of the rule
        if (token && reader.read++ > 0) {
          const loss = -Math.log(softmaxOf(token.logits)[token.token] as number);
          sums.loss += loss;
          sums.squares += loss * loss;
          sums.loops += token.loops;
          sums.passes += (token.blockPasses - besideLoops(token.loops)) / layers.core;
          sums.tokens++;
          counts[token.loops - 1] = (counts[token.loops - 1] ?? 0) + 1;
        }
      }
    }
  }
  return {
    name,
    loss: sums.loss / sums.tokens,
    stderr: standardError(sums.loss, sums.squares, sums.tokens),
    meanLoops: sums.loops / sums.tokens,
    passesPerToken: sums.passes / sums.tokens,
    tokens: sums.tokens,
    counts: Array.from(counts, (count) => count ?? 0),
  };
}

/** Limits at which each rule is tried. */
export const triedRules = {
  change: ["change<0.8", "change<0.4", "change<0.2", "change<0.1"],
  "second difference": [
    "second-difference<0.8",
    "second-difference<0.4",
    "second-difference<0.2",
    "second-difference<0.1",
  ],
  probability: ["probability>0.2", "probability>0.4", "probability>0.6", "probability>0.9"],
  margin: ["margin>0.1", "margin>0.2", "margin>0.4", "margin>0.8"],
  entropy: ["entropy<4", "entropy<3", "entropy<2", "entropy<1"],
  kl: ["kl<0.3", "kl<0.1", "kl<0.03", "kl<0.01"],
} as const;

/** A rule, and what chance makes of the same numbers of loops. */
export interface ExitSeries {
  readonly name: string;
  readonly points: ExitPoint[];
  readonly random: ExitPoint[];
}

/**
 * Measures every rule at several limits, each beside a random exit with the same histogram, and two baselines of
 * fixed depth: trajectories of M uniform steps, and the first M loops of the full trajectory. Yields series as
 * they are done.
 */
export async function* exitStudy(decoder: Decoder, options: ReadingOptions): AsyncGenerator<ExitSeries> {
  const { loops } = decoder.model.spec;
  const depths = Array.from({ length: loops }, (_, index) => index + 1);
  const fixed: ExitPoint[] = [];
  const prefixes: ExitPoint[] = [];
  for (const depth of depths) {
    fixed.push(await readWithExits(decoder, counted(depth, "loop"), depth, options));
    const rule: ExitRule = { name: "prefix", reads: "states", exit: (soFar) => soFar.loops === depth };
    prefixes.push(await readWithExits(decoder, `first ${depth} of ${loops}`, rule, options));
  }
  yield { name: "fixed loops", points: fixed, random: [] };
  yield { name: "fixed prefix", points: prefixes, random: [] };
  for (const [name, limits] of Object.entries(triedRules)) {
    const points: ExitPoint[] = [];
    const random: ExitPoint[] = [];
    for (const text of limits) {
      const point = await readWithExits(decoder, text, exitRule(text), options);
      points.push(point);
      const chance = exitAtRandom([
        ...point.counts,
        ...new Array<number>(loops - point.counts.length).fill(0),
      ]);
      random.push(await readWithExits(decoder, `random, as ${text}`, chance, options));
    }
    yield { name, points, random };
  }
}

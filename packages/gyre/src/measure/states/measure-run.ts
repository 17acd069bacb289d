import type { Model } from "../../models/model.ts";
import type { LoopMeasures, RunAnalysis, Spread, TokenTrace } from "../../report/states.ts";
import { mean, quantile } from "../../util/statistics.ts";
import { angles, norms, relativeChange, secondDifference } from "./change.ts";
import { type CollectedStates, type LensReader, openLensReader, openStateReader } from "./collect.ts";
import { anisotropy, curvature, effectiveRank, orbits, promptEntropy } from "./geometry.ts";
import { type LensReading, lensReading, lossOf } from "./lens.ts";
import type { ReadText } from "./losses.ts";
import type { Rows } from "./rows.ts";
import { linearCka } from "./similarity.ts";

/** Likeliest tokens that a trace names. */
const TOP = 3;

interface MeasureOptions {
  readonly loops: number;
  /** Tokens of the first text to trace one by one. */
  readonly traced: number;
  /** What a token is called. */
  readonly textOf: (token: number) => string;
  readonly signal?: AbortSignal | undefined;
}

/** What a text's tokens were like after one loop. */
interface Measured {
  readonly states: Rows;
  readonly norm: Float64Array;
  readonly change?: Float64Array;
  readonly secondDifference?: Float64Array;
  readonly angle?: Float64Array;
  readonly attentionDrift?: ArrayLike<number>;
  readonly lens?: readonly (LensReading & { readonly loss: number | undefined })[];
}

/** Everything about a run of so many loops but its Jacobian. Throws MODEL_VECTORS, LOOPS, LOGITS. */
export async function measureRun(
  model: Model,
  texts: readonly ReadText[],
  { loops, traced, textOf, signal }: MeasureOptions,
): Promise<Omit<RunAnalysis, "stability">> {
  const tokens = texts[0]?.tokens.length ?? 0;
  await using reader = await openStateReader(model, { budget: loops, tokens });
  await using lens = await openLensReader(model, tokens);
  const measured: Measured[][] = [];
  let after: readonly number[] = [];
  for (const text of texts) {
    signal?.throwIfAborted();
    const collected = await reader.read(text.tokens);
    after = collected.loops;
    measured.push(await measureText(collected, lens, text));
  }
  const byLoop = after.map((_, index) => measured.map((text) => text[index] as Measured));
  const [first] = measured as [Measured[]];
  const drawn = orbits(first.map(({ states }) => states));
  return {
    loops,
    steps: byLoop.map((all, index) => measuresOf(after[index] as number, all)),
    cka: linearCka(byLoop.map((all) => joined(all.map(({ states }) => states)))),
    explained: [...drawn.explained],
    tokens: Array.from({ length: Math.min(traced, tokens) }, (_, position) => {
      const token = texts[0]?.tokens[position] as number;
      return {
        position,
        token,
        text: textOf(token),
        loops: first.map((one, index) => ({
          loops: after[index] as number,
          ...traceOf(one, position, textOf),
          orbit: (drawn.paths[position]?.[index] ?? []).map((value) => Number(value.toPrecision(6))),
        })),
      };
    }),
  };
}

async function measureText(collected: CollectedStates, lens: LensReader, text: ReadText) {
  const { loops, states, hidden } = collected;
  const logits: Float64Array[][] = [];
  for (const rows of hidden) {
    const own: Float64Array[] = [];
    for await (const row of lens.logits(rows)) own.push(Float64Array.from(row));
    logits.push(own);
  }
  const last = logits.at(-1) as Float64Array[];
  return states.map((now, index): Measured => {
    const [earlier, before] = [states[index - 2], states[index - 1]];
    const read = logits[(loops[index] as number) - 1];
    const drift = collected.drift[(loops[index] as number) - 2];
    return {
      states: now,
      norm: norms(now),
      ...(before ? { change: relativeChange(before, now), angle: angles(before, now) } : {}),
      ...(drift ? { attentionDrift: drift } : {}),
      ...(earlier && before ? { secondDifference: secondDifference(earlier, before, now) } : {}),
      ...(read
        ? { lens: read.map((row, at) => reading(row, last[at] as Float64Array, text.targets[at] as number)) }
        : {}),
    };
  });
}

function reading(logits: Float64Array, last: Float64Array, target: number) {
  const loss = target < 0 ? undefined : lossOf(logits, target);
  return { ...lensReading(logits, last, TOP), loss };
}

/** Rows [n, d] of several texts, one below the other. */
function joined(texts: readonly Rows[]): Rows {
  const width = texts[0]?.shape[1] as number;
  const data = Float64Array.from(texts.flatMap(({ data }) => [...data]));
  return { data, shape: [data.length / width, width] };
}

function spreadOf(values: readonly number[]): Spread {
  return { low: quantile(values, 0.25), median: quantile(values, 0.5), high: quantile(values, 0.75) };
}

/** What is measured of each token. */
type ByToken = "norm" | "change" | "secondDifference" | "angle" | "attentionDrift";

function measuresOf(loops: number, texts: readonly Measured[]): LoopMeasures {
  const spread = (part: ByToken): Spread | undefined => {
    const all = texts.flatMap((text) => Array.from(text[part] ?? []));
    return all.length > 0 ? spreadOf(all) : undefined;
  };
  const average = (measure: (states: Rows) => number) => mean(texts.map(({ states }) => measure(states)));
  const [change, second, angle] = [spread("change"), spread("secondDifference"), spread("angle")];
  const drift = spread("attentionDrift");
  const lens = texts.flatMap((text) => text.lens ?? []);
  return {
    loops,
    norm: spread("norm") as Spread,
    ...(change ? { change } : {}),
    ...(second ? { secondDifference: second } : {}),
    ...(angle ? { angle } : {}),
    ...(drift ? { attentionDrift: drift } : {}),
    curvature: average(curvature),
    anisotropy: average(anisotropy),
    promptEntropy: average(promptEntropy),
    effectiveRank: average(effectiveRank),
    ...(lens.length > 0
      ? {
          lens: {
            loss: mean(lens.flatMap(({ loss }) => (loss === undefined ? [] : [loss]))),
            kl: spreadOf(lens.map(({ kl }) => kl)),
            rank: spreadOf(lens.map(({ rank }) => rank)),
            agreement: mean(lens.map(({ rank }) => (rank === 1 ? 1 : 0))),
          },
        }
      : {}),
  };
}

/** What one token's state was like. */
function traceOf(
  { norm, change, secondDifference, angle, attentionDrift, lens }: Measured,
  position: number,
  textOf: (token: number) => string,
): Omit<TokenTrace["loops"][number], "loops" | "orbit"> {
  const at = (values: ArrayLike<number> | undefined, name: string) =>
    values ? { [name]: values[position] as number } : {};
  const read = lens?.[position];
  const top = read?.top.map((guess) => ({ ...guess, text: textOf(guess.token) })) ?? [];
  return {
    norm: norm[position] as number,
    ...at(change, "change"),
    ...at(secondDifference, "secondDifference"),
    ...at(angle, "angle"),
    ...at(attentionDrift, "attentionDrift"),
    ...(read ? { kl: read.kl, rank: read.rank, top } : {}),
  };
}

import type { TokenSplit } from "../../data/windows.ts";
import type { Model } from "../../models/model.ts";
import type { Analysis, LoopStability, RunAnalysis } from "../../report/states.ts";
import type { TokenProblem } from "../../tasks/task.ts";
import { rng } from "../../util/rng.ts";
import { badEvaluation } from "../errors.ts";
import { openStateReader } from "./collect.ts";
import { directional, openJacobian } from "./jacobian.ts";
import { dialOf, type ReadText } from "./losses.ts";
import { measureRun } from "./measure-run.ts";
import { spectralNorm, spectralRadius } from "./radius.ts";
import type { Rows } from "./rows.ts";
import { judge, verdictText } from "./verdict.ts";

/** How far `analyze` looks into the loops. */
export interface AnalyzeOptions {
  /** Numbers of loops to look into; the dial is tried from 1 to the largest. By default full depth and twice as many. */
  readonly loops?: readonly number[];
  /** Tokens to look at, in whole texts; 512 by default. */
  readonly tokens?: number;
  /** Tokens of the first text that are traced one by one; 16 by default. */
  readonly traced?: number;
  /** What a token is called where it is shown; its number by default. */
  readonly textOf?: (token: number) => string;
  /** Called before each part. */
  readonly onPart?: (part: string) => void;
  readonly signal?: AbortSignal;
}

/** Texts whose Jacobians are looked at: each takes some hundred runs of a loop. */
const JACOBIAN_TEXTS = 2;

/**
 * Looks inside the loops of a model on texts from all over a split, or on texts of one length that are given: what each loop does to the states of tokens, what the head
 * would read there, how alike the loops are, what the last one does to small disturbances, and what it costs to run more or fewer.
 * Throws EVAL_OPTION, LOOPS, MODEL_VECTORS and LOGITS.
 *
 * @example
 * const analysis = await analyze({ spec, weights, runtime }, validation, { loops: [4, 8] });
 * console.log(analysis.verdict.tendency, analysis.verdict.safeLoops);
 */
export async function analyze(
  model: Model,
  source: TokenSplit | readonly ReadText[],
  options: AnalyzeOptions = {},
): Promise<Analysis> {
  const { spec } = model;
  const { tokens = 512, traced = 16, textOf = String, signal, onPart } = options;
  const loops = [...new Set(options.loops ?? [spec.loops, 2 * spec.loops])].sort((a, b) => a - b);
  const deepest = loops.at(-1) ?? 0;
  const texts = "read" in source ? textsOf(source, spec.context, tokens) : source;
  if (loops.length === 0 || spec.loops < 2 || deepest < 2)
    throw badEvaluation(
      "loops",
      loops.join() || "none",
      "a looped model, and at least one number of loops above 1",
    );
  const runs: RunAnalysis[] = [];
  for (const budget of loops) {
    signal?.throwIfAborted();
    onPart?.(`${budget} loops: states`);
    const measured = await measureRun(model, texts, { loops: budget, traced, textOf, signal });
    onPart?.(`${budget} loops: Jacobian`);
    runs.push({ ...measured, stability: await stabilityOf(model, texts, budget, signal) });
  }
  onPart?.(`1 to ${deepest} loops: losses`);
  const dial = await dialOf(model, texts, deepest, signal);
  const judged = judgedRun(runs, spec.conditioning.kind === "time" ? spec.loops : deepest);
  const verdict = judge({
    changes: judged.steps.flatMap(({ change }) => (change ? [change.median] : [])),
    radius: judged.stability.directionalRadius,
    dial,
    fullDepth: spec.loops,
  });
  return {
    fullDepth: spec.loops,
    texts: texts.length,
    tokens: texts.length * (texts[0]?.tokens.length ?? 0),
    runs,
    dial,
    judged: judged.loops,
    verdict: {
      ...verdict,
      text: verdictText(verdict, {
        fullDepth: spec.loops,
        tried: deepest,
        radius: judged.stability.directionalRadius,
      }),
    },
  };
}

/** The deepest run of at most so many loops; the shallowest where all are deeper. */
function judgedRun(runs: readonly RunAnalysis[], most: number): RunAnalysis {
  return (runs.filter(({ loops }) => loops <= most).at(-1) ?? runs[0]) as RunAnalysis;
}

/**
 * Problems of a task as texts of one length, the commonest: what is scored in a problem is what is to come in the text. At
 * least `wanted` tokens, where there are so many. Throws EVAL_OPTION.
 */
export function textsOfProblems(problems: readonly TokenProblem[], wanted = 512): ReadText[] {
  if (problems.length === 0) throw badEvaluation("problems", "none", "at least one problem");
  const ofLength = (length: number) => problems.filter(({ tokens }) => tokens.length === length);
  const lengths = [...new Set(problems.map(({ tokens }) => tokens.length))];
  const [length = 0] = lengths.sort((a, b) => ofLength(b).length - ofLength(a).length);
  return ofLength(length).slice(0, Math.ceil(wanted / length));
}

/** Windows of a split and the token after each of theirs, evenly from all over it. Throws EVAL_OPTION. */
function textsOf(split: TokenSplit, context: number, wanted: number): ReadText[] {
  if (!(Number.isSafeInteger(wanted) && wanted >= 1))
    throw badEvaluation("tokens", String(wanted), "a whole number of at least 1");
  const { length } = split;
  const size = Math.min(context, length - 1);
  if (size < 3)
    throw badEvaluation("split", `of ${length} tokens`, "texts of at least 3 tokens and the one after");
  const fitting = Math.floor((length - 1) / size);
  const count = Math.min(fitting, Math.max(1, Math.ceil(wanted / size)));
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor((index * fitting) / count) * size;
    const window = split.read(start, start + size + 1);
    return { tokens: window.subarray(0, size), targets: window.subarray(1) };
  });
}

async function stabilityOf(
  model: Model,
  texts: readonly ReadText[],
  budget: number,
  signal: AbortSignal | undefined,
): Promise<LoopStability> {
  const tokens = texts[0]?.tokens.length ?? 0;
  await using reader = await openStateReader(model, { budget, tokens });
  await using jacobian = await openJacobian(model, { budget, tokens });
  const found = [];
  for (const [index, text] of texts.slice(0, JACOBIAN_TEXTS).entries()) {
    const end = (await reader.read(text.tokens)).states.at(-1) as Rows;
    const loop = await jacobian.at(text.tokens, end);
    const power = (of: string) => ({
      size: tokens * model.spec.width,
      random: rng(index, "power", of),
      ...(signal ? { signal } : {}),
    });
    found.push({
      radius: await spectralRadius(loop.times, power("radius")),
      turns: await spectralRadius(directional(end, loop), power("turns")),
      norm: await spectralNorm(loop.times, loop.transposedTimes, power("norm")),
    });
  }
  return {
    radius: Math.max(...found.map(({ radius }) => radius.value)),
    directionalRadius: Math.max(...found.map(({ turns }) => turns.value)),
    norm: Math.max(...found.map(({ norm }) => norm.value)),
    isExact: found.every(({ radius, turns }) => radius.kind !== "unsettled" && turns.kind !== "unsettled"),
    texts: found.length,
  };
}

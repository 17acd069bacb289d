import { type EvaluationWindow, evaluationWindows, type TokenSplit } from "../data/windows.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { linearCrossEntropy, reshape } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import { forward, tokenHead } from "../models/assembly.ts";
import { describe } from "../models/describe.ts";
import { type Budget, conditions, type Spec, uniformTrajectory } from "../models/spec.ts";
import { inTurns } from "../ranks/agreement.ts";
import { alone, type Collective } from "../ranks/collective.ts";
import type { BudgetPoint } from "../report/report.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import { groups } from "../util/groups.ts";
import { standardError } from "../util/statistics.ts";
import type { Tensor } from "../util/tensor.ts";
import { badEvaluation } from "./errors.ts";

/** What `evaluate` measures, and at which budgets. */
export interface EvaluateOptions {
  readonly spec: Spec;
  readonly weights: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly runtime: Runtime;
  readonly split: TokenSplit;
  /** UTF-8 bytes that a token stands for. */
  readonly byteLength: (token: number) => number;
  readonly budgets: readonly Budget[];
  /** Tokens between the starts of windows, from 1 to the context; the context by default. */
  readonly stride?: number;
  /** Windows computed together; 8 by default. No result depends on it. */
  readonly batch?: number;
  /** Predict no more than this many tokens, counted from the start of the split. */
  readonly maxTokens?: number;
  /** The processes that share the batches; all pass the same options and get the same points. This one alone by default. */
  readonly ranks?: Collective;
  /** Called after each batch. */
  readonly onProgress?: (progress: EvaluateProgress) => void;
  readonly signal?: AbortSignal;
}

/** How far an evaluation has come. */
export interface EvaluateProgress {
  /** Index of the budget that is being measured. */
  readonly budget: number;
  /** Tokens predicted so far at this budget. */
  readonly tokens: number;
  /** Tokens to predict at each budget. */
  readonly totalTokens: number;
}

/** The graph of per-token losses: `tokens`, `targets` [B, T] and a trajectory -> `losses` [B * T], in nats. */
export function lossGraph(spec: Spec, loops: number, batch: number, tokens: number): Graph {
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch, tokens, loops }).get(loops) as Value;
  const targets = reshape(builder.input("targets", [batch, tokens], "int"), [batch * tokens]);
  const head = tokenHead(builder, spec);
  return builder.graph({ losses: linearCrossEntropy(hidden, head, targets, 512) });
}

/** Tokens that an evaluation predicts: all of a split but the first, or the first `maxTokens` of these. */
export function predictedTokens(split: TokenSplit, maxTokens = Number.POSITIVE_INFINITY): number {
  return Math.min(split.length - 1, maxTokens);
}

/**
 * Loss, perplexity and bits per byte of a model at each budget, over every token of `split` but the first, or
 * the first `maxTokens` of these; tokens of prompts are read and not scored. Yields a point as soon as its budget is measured; its time is that of the
 * forward passes, without compiling them. Throws EVAL_OPTION, DATA_OPTION (a bad stride), LOOPS or TRAJECTORY.
 */
export async function* evaluate(options: EvaluateOptions): AsyncGenerator<BudgetPoint> {
  const { spec, weights, runtime, budgets, batch = 8, maxTokens } = options;
  requireCount("batch", batch);
  if (maxTokens !== undefined) requireCount("maxTokens", maxTokens);
  if (budgets.length === 0)
    throw badEvaluation("budgets", "none", "at least one number of loops or trajectory");
  const routes = budgets.map((budget) => conditions(spec, budget));

  let compiled: { loops: number; program: Program } | undefined;
  for (const [index, { loops, t, dt }] of routes.entries()) {
    if (compiled?.loops !== loops) {
      const graph = lossGraph(spec, loops, batch, spec.context);
      compiled = { loops, program: await runtime.compile(graph, { bound: weights, buffers: 1 }) };
    }
    const route = new Map<string, Tensor>([
      ["t", { data: t, shape: [loops] }],
      ["dt", { data: dt, shape: [loops] }],
    ]);
    const budget = budgets[index] as Budget;
    yield {
      loops,
      trajectory: typeof budget === "number" ? uniformTrajectory(loops) : [...budget],
      ...(await measure(options, compiled.program, route, index)),
      flopsPerToken: describe(spec, { loops: [loops] }).budgets[0]?.flopsPerToken ?? 0,
    };
  }
}

async function measure(
  {
    spec,
    split,
    byteLength,
    stride,
    batch = 8,
    maxTokens,
    ranks = alone,
    onProgress,
    signal,
  }: EvaluateOptions,
  program: Program,
  route: ReadonlyMap<string, Tensor>,
  budget: number,
) {
  const { context } = spec;
  const totalTokens = predictedTokens(split, maxTokens);
  const windows = evaluationWindows({
    split,
    context,
    stride: stride ?? context,
    byteLength,
    maxTokens: totalTokens,
  });
  let passed = 0;
  const started = performance.now();
  const onPassed = (rows: readonly EvaluationWindow[]) => {
    for (const row of rows) passed += row.length - row.scoredFrom;
    onProgress?.({ budget, tokens: passed, totalTokens });
  };
  const compute = async (rows: readonly EvaluationWindow[]) => {
    signal?.throwIfAborted();
    const inputs = new Map([...route, ...rowInputs(rows, batch, context)]);
    const losses = (await program.run(inputs)).get("losses") as Tensor;
    let [loss, squares, tokens, bytes] = [0, 0, 0, 0];
    for (const [index, row] of rows.entries()) {
      for (let at = row.scoredFrom; at < row.length; at++) {
        if (row.scored?.[at] === 0) continue;
        const own = losses.data[index * context + at] as number;
        loss += own;
        squares += own * own;
        tokens++;
      }
      bytes += row.bytes;
    }
    return [loss, squares, tokens, bytes];
  };
  const ofBatches = await inTurns(ranks, groups(windows, batch), { compute, onPassed });
  const total = (column: number) => ofBatches.reduce((sum, row) => sum + (row[column] as number), 0);
  const sums = { loss: total(0), squares: total(1), tokens: total(2), bytes: total(3) };
  const loss = sums.loss / sums.tokens;
  return {
    loss,
    perplexity: Math.exp(loss),
    bitsPerByte: sums.loss / Math.LN2 / sums.bytes,
    elapsedMs: performance.now() - started,
    tokens: sums.tokens,
    stderr: standardError(sums.loss, sums.squares, sums.tokens),
  };
}

function rowInputs(rows: readonly EvaluationWindow[], batch: number, context: number): [string, Tensor][] {
  return (["tokens", "targets"] as const).map((name) => {
    const data = new Int32Array(batch * context);
    for (const [index, row] of rows.entries()) data.set(row[name], index * context);
    return [name, { data, shape: [batch, context] }];
  });
}

function requireCount(name: string, given: number): void {
  if (!(Number.isSafeInteger(given) && given >= 1))
    throw badEvaluation(name, String(given), "a whole number of at least 1");
}

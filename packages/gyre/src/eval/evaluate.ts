import { evaluationWindows, type TokenSplit } from "../data/index.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { linearCrossEntropy, reshape } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import { forward, parameterInputs } from "../models/assembly.ts";
import { describe } from "../models/describe.ts";
import { type Budget, conditions, type Spec, uniformTrajectory } from "../models/spec.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Tensor } from "../util/tensor.ts";
import type { BudgetPoint } from "./report.ts";

export interface EvaluateOptions {
  readonly spec: Spec;
  readonly weights: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly runtime: Runtime;
  readonly split: TokenSplit;
  readonly byteLength: (token: number) => number;
  readonly budgets: readonly Budget[];
  /** Tokens between the starts of windows; the context by default. */
  readonly stride?: number;
  readonly batch?: number;
  /** Score no more than this many tokens. */
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
}

/** The graph of per-token losses: `tokens`, `targets` [B, T] and a trajectory -> `losses` [B * T], in nats. */
export function lossGraph(spec: Spec, loops: number, batch: number, tokens: number): Graph {
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch, tokens, loops }).get(loops) as Value;
  const targets = reshape(builder.input("targets", [batch, tokens], "int"), [batch * tokens]);
  const head = parameterInputs(builder, spec)("transformer.wte.weight");
  return builder.graph({ losses: linearCrossEntropy(hidden, head, targets, 512) });
}

/**
 * Loss, perplexity and bits per byte of a model at each budget, over every token of `split` but the first
 * (or the first `maxTokens`). Yields a point as soon as its budget is measured.
 */
export async function* evaluate(options: EvaluateOptions): AsyncGenerator<BudgetPoint> {
  const { spec, weights, runtime, split, byteLength, budgets, batch = 8, signal } = options;
  const { context } = spec;
  for (const budget of budgets) {
    const { loops, t, dt } = conditions(spec, budget);
    const program = await runtime.compile(lossGraph(spec, loops, batch, context), {
      bound: weights,
      buffers: 1,
    });
    const schedule: [string, Tensor][] = [
      ["t", { data: t, shape: [loops] }],
      ["dt", { data: dt, shape: [loops] }],
    ];
    const sums = { loss: 0, squares: 0, tokens: 0, bytes: 0 };
    const started = performance.now();
    for (const rows of groups(
      evaluationWindows({ split, context, stride: options.stride ?? context, byteLength }),
      batch,
    )) {
      signal?.throwIfAborted();
      const flat = (pick: (row: (typeof rows)[number]) => Int32Array): Tensor => {
        const data = new Int32Array(batch * context);
        for (const [index, row] of rows.entries()) data.set(pick(row), index * context);
        return { data, shape: [batch, context] };
      };
      const inputs = new Map([
        ...schedule,
        ["tokens", flat((r) => r.tokens)],
        ["targets", flat((r) => r.targets)],
      ]);
      const losses = (await program.run(inputs as Map<string, Tensor>)).get("losses")?.data as Float32Array;
      for (const [index, row] of rows.entries()) {
        for (let at = row.scoredFrom; at < row.length; at++) {
          const loss = losses[index * context + at] as number;
          sums.loss += loss;
          sums.squares += loss * loss;
        }
        sums.tokens += row.length - row.scoredFrom;
        sums.bytes += row.bytes;
      }
      if (sums.tokens >= (options.maxTokens ?? Number.POSITIVE_INFINITY)) break;
    }
    const loss = sums.loss / sums.tokens;
    yield {
      loops,
      trajectory: typeof budget === "number" ? uniformTrajectory(loops) : [...budget],
      loss,
      perplexity: Math.exp(loss),
      bitsPerByte: sums.loss / Math.LN2 / sums.bytes,
      flopsPerToken: describe(spec, { loops: [loops] }).budgets[0]?.flopsPerToken ?? 0,
      elapsedMs: performance.now() - started,
      tokens: sums.tokens,
      stderr: Math.sqrt(Math.max(0, sums.squares / sums.tokens - loss * loss) / sums.tokens),
    };
  }
}

function* groups<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length === size) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}

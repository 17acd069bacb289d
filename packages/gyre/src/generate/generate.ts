import { GraphBuilder } from "../graph/builder.ts";
import { gather } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import { forward, readOut } from "../models/assembly.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import { rng } from "../util/rng.ts";
import type { Tensor } from "../util/tensor.ts";
import { badPromptToken, badSampling, emptyPrompt } from "./errors.ts";
import { checkSampling, type SamplingOptions, sampleToken } from "./sampling.ts";

/** A spec with weights on a runtime. */
export interface Model {
  readonly spec: Spec;
  readonly weights: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly runtime: Runtime;
}

export interface GenerateOptions extends Partial<SamplingOptions> {
  /** Loops, or a trajectory; the model's full depth by default. */
  readonly budget?: Budget;
  readonly maxTokens: number;
  readonly seed?: number;
  /** Token after which to stop. */
  readonly stop?: number;
  readonly signal?: AbortSignal;
}

export interface GeneratedToken {
  readonly token: number;
  /** Logits that chose it [vocab]; valid until the next token. */
  readonly logits: Float32Array | Float64Array;
}

/** The graph of next-token logits: `tokens` [1, window] and the row to read, `position` [1] -> `logits` [1, vocab]. */
export function nextTokenGraph(spec: Spec, loops: number, window: number): Graph {
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch: 1, tokens: window, loops }).get(loops) as Value;
  const last = gather(hidden, builder.input("position", [1], "int"));
  return builder.graph({ logits: readOut(builder, spec, last) });
}

/**
 * Continues `prompt` token by token. The text is computed anew for each token; when it outgrows the context
 * the window slides, and the model sees the last `context` tokens at positions 0 onwards.
 * Throws PROMPT_EMPTY, PROMPT_TOKEN, SAMPLING, LOOPS or TRAJECTORY.
 */
export async function* generate(
  model: Model,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken> {
  const { spec, weights, runtime } = model;
  const { budget = spec.loops, maxTokens, seed = 0, temperature = 1, signal } = options;
  const sampling: SamplingOptions = { ...options, temperature };
  checkSampling(sampling);
  if (!(Number.isInteger(maxTokens) && maxTokens >= 0))
    throw badSampling("max-tokens", maxTokens, "a whole number of at least 0");
  if (prompt.length === 0) throw emptyPrompt();
  const { loops, t, dt } = conditions(spec, budget);
  const text = Array.from(prompt);
  const unknown = text.find((token) => !(Number.isInteger(token) && token >= 0 && token < spec.vocab));
  if (unknown !== undefined) throw badPromptToken(unknown, spec.vocab);
  const random = rng(seed, "sample");
  const schedule = { t: { data: t, shape: [loops] }, dt: { data: dt, shape: [loops] } };

  const programs = new Map<number, Program>();
  for (let count = 0; count < maxTokens; count++) {
    signal?.throwIfAborted();
    const seen = text.slice(-spec.context);
    const window = Math.min(spec.context, 2 ** Math.ceil(Math.log2(Math.max(16, seen.length))));
    const program =
      programs.get(window) ??
      (await runtime.compile(nextTokenGraph(spec, loops, window), { bound: weights, buffers: 1 }));
    programs.set(window, program);
    const tokens = new Int32Array(window);
    tokens.set(seen);
    const inputs = new Map<string, Tensor>([
      ...Object.entries(schedule),
      ["tokens", { data: tokens, shape: [1, window] }],
      ["position", { data: Int32Array.of(seen.length - 1), shape: [1] }],
    ]);
    const logits = (await program.run(inputs)).get("logits")?.data as Float32Array;
    const token = sampleToken(logits, sampling, random);
    text.push(token);
    yield { token, logits };
    if (token === options.stop) return;
  }
}

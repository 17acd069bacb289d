import { describe, expect, it } from "vitest";
import { memorySplit } from "../../src/data/windows.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/types.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { type EvaluateOptions, evaluate, predictedTokens } from "../../src/measure/evaluate.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import { describe as describeSpec } from "../../src/models/describe.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { gpt, loopformer } from "../../src/models/presets.ts";
import type { BudgetPoint } from "../../src/report/report.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { rng } from "../../src/util/rng.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { localRanks } from "../ranks/local.ts";

const context = 6;
const size = { vocab: 11, context, width: 8, heads: 2, mlp: 16, layers: 1 };
const spec = loopformer({ ...size, loops: 4 });
const weights = new Map(
  [...initialWeights(spec, 3)].map(([name, { data, shape }]) => {
    return [name, { data: data.map((value) => 8 * value), shape }] as const;
  }),
);
const random = rng(5);
const text = Uint16Array.from({ length: 20 }, () => random.below(size.vocab));
const split = memorySplit(text);
/** Token 0 separates texts and stands for no bytes, as end of text does. */
const byteLength = (token: number) => (token === 0 ? 0 : 1 + (token % 3));

async function points(more: Partial<EvaluateOptions> = {}): Promise<BudgetPoint[]> {
  const runtime = interpreterRuntime();
  const options = { spec, weights, runtime, split, byteLength, budgets: [2], batch: 2, ...more };
  const measured: BudgetPoint[] = [];
  for await (const point of evaluate(options)) measured.push(point);
  return measured;
}

/** Nats of the token at `at`, given the tokens from `start` on, in float64 and one window at a time. */
function surprise(trajectory: readonly number[], start: number, at: number): number {
  const builder = new GraphBuilder();
  const loops = trajectory.length;
  const length = at - start;
  const hidden = forward(builder, spec, { batch: 1, tokens: length, loops }).get(loops) as Value;
  const t = trajectory.map((_, index) => trajectory.slice(0, index).reduce((a, b) => a + b, 0));
  const inputs = new Map<string, Tensor>([
    ...weights,
    ["tokens", { data: Int32Array.from(text.subarray(start, at)), shape: [1, length] }],
    ["t", { data: Float32Array.from(t), shape: [loops] }],
    ["dt", { data: Float32Array.from(trajectory), shape: [loops] }],
  ]);
  const outputs = interpret(builder.graph({ logits: readOut(builder, spec, hidden) }), inputs);
  const last = Array.from(outputs.get("logits")?.data ?? []).slice(-size.vocab);
  const total = last.reduce((sum, logit) => sum + Math.exp(logit), 0);
  return Math.log(total) - (last[text[at] as number] as number);
}

/** The definition, token by token: the window that scores token `at` is the first that reaches it. */
function expected(trajectory: readonly number[], stride: number, count = split.length - 1) {
  const losses = Array.from({ length: count }, (_, index) => {
    const at = index + 1;
    const start = stride * Math.max(0, Math.ceil((at - context) / stride));
    return surprise(trajectory, start, at);
  });
  const sum = losses.reduce((a, b) => a + b, 0);
  const loss = sum / count;
  const variance = losses.reduce((total, one) => total + (one - loss) ** 2, 0) / count;
  const bytes = [...text.subarray(1, count + 1)].reduce((total, token) => total + byteLength(token), 0);
  return {
    loss,
    perplexity: Math.exp(loss),
    bitsPerByte: sum / Math.log(2) / bytes,
    stderr: Math.sqrt(variance / count),
  };
}

function expectPoint(point: BudgetPoint | undefined, want: ReturnType<typeof expected>): void {
  for (const [name, value] of Object.entries(want)) {
    expect(point?.[name as keyof typeof want], name).toBeCloseTo(value, 10);
  }
}

it("ranks share the windows, and all get the points of one process", async () => {
  const options = { budgets: [1, 3], stride: 4 };
  const timeless = (all: readonly BudgetPoint[]) => all.map((point) => ({ ...point, elapsedMs: 0 }));
  const one = timeless(await points(options));
  const progress: number[] = [];
  const all = await Promise.all(
    localRanks(3).map((ranks) =>
      points({
        ...options,
        ranks,
        ...(ranks.rank ? {} : { onProgress: ({ tokens }) => progress.push(tokens) }),
      }),
    ),
  );
  expect(all.map(timeless)).toEqual([one, one, one]);
  expect(progress.at(-1)).toBe(predictedTokens(split));
});

it("tokens of prompts are read and not scored", async () => {
  const scored = Uint8Array.from(text, (_, at) => Number(at % 3 !== 1));
  const [point] = await points({ split: memorySplit(text, { scored }), stride: context });
  const losses = [...text.keys()].slice(1).flatMap((at) => {
    const start = context * Math.max(0, Math.ceil((at - context) / context));
    return scored[at] === 0 ? [] : [{ at, loss: surprise([0.5, 0.5], start, at) }];
  });
  const sum = losses.reduce((total, { loss }) => total + loss, 0);
  const bytes = losses.reduce((total, { at }) => total + byteLength(text[at] as number), 0);
  expect(point?.tokens).toBe(losses.length);
  expect(point?.loss).toBeCloseTo(sum / losses.length, 10);
  expect(point?.bitsPerByte).toBeCloseTo(sum / Math.log(2) / bytes, 10);
});

describe("evaluate", () => {
  it.each([6, 4, 1])("agrees with a token by token computation at stride %i", async (stride) => {
    const [point] = await points({ stride });
    expect(point).toMatchObject({ loops: 2, trajectory: [0.5, 0.5], tokens: 19 });
    expectPoint(point, expected([0.5, 0.5], stride));
  });

  it("takes the context as stride when none is given", async () => {
    const [[plain], [stated]] = await Promise.all([points(), points({ stride: context })]);
    expect(plain?.loss).toBe(stated?.loss);
  });

  it("measures trajectories and numbers of loops, in their order", async () => {
    const [first, second, third] = await points({ budgets: [1, [0.25, 0.75], 2], stride: 3 });
    expectPoint(first, expected([1], 3));
    expectPoint(second, expected([0.25, 0.75], 3));
    expectPoint(third, expected([0.5, 0.5], 3));
    expect(second?.trajectory).toEqual([0.25, 0.75]);
    expect(second?.loss).not.toBeCloseTo(third?.loss ?? 0, 6);
  });

  it.each([1, 5, 13, 19])("predicts exactly maxTokens tokens: %i", async (maxTokens) => {
    const [point] = await points({ maxTokens, stride: 4, batch: 8 });
    expect(point?.tokens).toBe(maxTokens);
    expectPoint(point, expected([0.5, 0.5], 4, maxTokens));
  });

  it("predicts every token but the first where maxTokens is more than there are", async () => {
    expect((await points({ maxTokens: 1000 }))[0]?.tokens).toBe(19);
    expect(predictedTokens(split, 1000)).toBe(19);
  });

  it("does not depend on the batch, and says how far it is", async () => {
    const seen: unknown[] = [];
    const [one] = await points({ batch: 1, stride: 4 });
    const [three] = await points({ batch: 3, stride: 4, onProgress: (progress) => seen.push(progress) });
    expect(three?.loss).toBeCloseTo(one?.loss ?? 0, 12);
    expect(seen).toEqual([
      { budget: 0, tokens: 14, totalTokens: 19 },
      { budget: 0, tokens: 19, totalTokens: 19 },
    ]);
  });

  it("states the FLOPs of the forward pass with its head", async () => {
    const counts = (await points({ budgets: [1, 4], maxTokens: 1 })).map((point) => point.flopsPerToken);
    const block = 2 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * 8 * (context + 1);
    expect(counts).toEqual([block + 2 * 11 * 8, 4 * block + 2 * 11 * 8]);
    expect(counts).toEqual(describeSpec(spec, { loops: [1, 4] }).budgets.map((cost) => cost.flopsPerToken));
  });

  it("gives the same on onnxruntime, to float32", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const budgets = [1, [0.5, 0.25, 0.25], 4];
    const native = await points({ runtime, budgets, stride: 4 });
    const exact = await points({ budgets, stride: 4 });
    for (const [index, { loss }] of exact.entries()) expect(native[index]?.loss).toBeCloseTo(loss, 5);
  });

  it("gives a uniform model log(vocab) nats and the bits per byte that follow", async () => {
    const flat = new Map(
      [...weights].map(([name, { data, shape }]) => [name, { data: data.map(() => 0), shape }]),
    );
    const [point] = await points({ weights: flat, byteLength: () => 2 });
    expect(point?.loss).toBeCloseTo(Math.log(11), 12);
    expect(point?.perplexity).toBeCloseTo(11, 10);
    expect(point?.bitsPerByte).toBeCloseTo(Math.log2(11) / 2, 12);
    expect(point?.stderr).toBeCloseTo(0, 6);
  });

  it("stops when it is told to", async () => {
    const signal = AbortSignal.abort();
    await expect(points({ signal })).rejects.toThrow("aborted");
  });

  it.each([
    [{ batch: 0 }, /EVAL_OPTION: batch 0\n {2}expected: a whole number of at least 1/],
    [{ maxTokens: 1.5 }, /EVAL_OPTION: maxTokens 1.5/],
    [{ budgets: [] }, /EVAL_OPTION: budgets none/],
    [{ stride: 7 }, /DATA_OPTION.*stride/s],
    [{ budgets: [2, [0.5, 0.4]] }, /TRAJECTORY.*sum to 1/s],
  ])("refuses %j before it computes anything", async (more, message) => {
    await expect(points(more)).rejects.toThrow(message);
  });

  it("has a single budget for a model that does not loop", async () => {
    const plain = gpt(size);
    const own = { spec: plain, weights: initialWeights(plain, 1) };
    const [point] = await points({ ...own, budgets: [1] });
    expect(point?.trajectory).toEqual([1]);
    await expect(points({ ...own, budgets: [2] })).rejects.toThrow("LOOPS");
  });
});

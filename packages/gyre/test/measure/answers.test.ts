import { expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/types.ts";
import { type EvaluateAnswersOptions, evaluateAnswers, exampleOf } from "../../src/measure/answers.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import { presets } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import type { AnswerPoint } from "../../src/report/answers.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { TokenProblem, TokenTask } from "../../src/tasks/task.ts";
import { answerOf } from "../../src/tasks/tokens/generator.ts";
import { heldOutProblems, scoreAnswers } from "../../src/tasks/tokens/grading.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";
import { trainAnswers } from "../../src/train/answers.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { randomWeights, routeInputs, valuesOf } from "../models/tiny.ts";
import { localRanks } from "../ranks/local.ts";

const words = tokenTaskNamed("words", "S3");
const specOf = (task: TokenTask, hardest: number): Spec =>
  presets.loopformer({
    vocab: task.vocabulary.length,
    context: task.maxLength(hardest),
    width: 16,
    heads: 2,
    mlp: 32,
    layers: 1,
    loops: 3,
  });

async function measured(
  options: Omit<EvaluateAnswersOptions, "runtime"> & Partial<Pick<EvaluateAnswersOptions, "runtime">>,
): Promise<AnswerPoint[]> {
  const points: AnswerPoint[] = [];
  for await (const point of evaluateAnswers({ runtime: interpreterRuntime(), ...options }))
    points.push(point);
  return points;
}

/** The likeliest token after each position of one row, from a graph of its own. */
function likeliest(
  spec: Spec,
  weights: EvaluateAnswersOptions["weights"],
  tokens: readonly number[],
  loops: number,
) {
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch: 1, tokens: tokens.length, loops }).get(loops) as Value;
  const graph = builder.graph({ logits: readOut(builder, spec, hidden) });
  const ids = { data: Int32Array.from(tokens), shape: [1, tokens.length] };
  const logits =
    valuesOf(graph, [["tokens", ids], ...weights, ...routeInputs(spec, loops)]).get("logits") ?? [];
  return tokens.map((_, at) => {
    const row = logits.slice(at * spec.vocab, (at + 1) * spec.vocab);
    return row.indexOf(Math.max(...row));
  });
}

test("ranks share the problems, and all get the points of one process", async () => {
  const spec = specOf(words, 4);
  const problems = heldOutProblems(words, { seed: 1, count: 7, difficulties: [2, 4] });
  const options = { spec, weights: randomWeights(spec, 2), task: words, problems, budgets: [1, 3], batch: 3 };
  const one = await measured(options);
  const all = await Promise.all(localRanks(2).map((ranks) => measured({ ...options, ranks })));
  expect(all).toEqual([one, one]);
});

test("answers that are read: accuracy by difficulty and loops, whatever is computed together", async () => {
  const task = tokenTaskNamed("mano");
  const spec = specOf(task, 3);
  const weights = randomWeights(spec, 3, 0.3);
  const problems = heldOutProblems(task, { seed: 1, count: 30, difficulties: [1, 2, 3] });
  const budgets = [1, 3, [0.75, 0.25]];
  const points = await measured({ spec, weights, task, problems, budgets, batch: 7 });
  for (const [index, loops] of [1, 3].entries()) {
    const answers = problems.map((problem) => {
      const read = likeliest(spec, weights, Array.from(problem.tokens), loops);
      return read.filter((_, at) => (problem.targets[at] as number) >= 0);
    });
    const example = answers[0]?.map((token) => task.vocabulary[token]);
    expect(points[index]).toMatchObject({ loops, scores: scoreAnswers(task, problems, answers), example });
  }
  const [problem] = problems as [TokenProblem];
  const right = answerOf(problem).map((token) => task.vocabulary[token]);
  expect(exampleOf(task, problem)).toMatchObject({ right, read: [expect.any(String)] });
  expect(points[2]).toMatchObject({ loops: 2, trajectory: [0.75, 0.25] });
  expect(await measured({ spec, weights, task, problems, budgets, batch: 64 })).toEqual(points);
});

test("a model that learnt short products: every prefix counts, and what is solved is the longest without a gap", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const spec = specOf(words, 4);
  const training = { steps: 400, batch: 32, learningRate: 0.01, warmupSteps: 10, easiest: 2, hardest: 2 };
  const going = trainAnswers({ spec, training, runtime, task: words });
  let next = await going.next();
  while (!next.done) next = await going.next();
  const { weights } = next.value;
  const problems = heldOutProblems(words, { seed: 1, count: 200, difficulties: [4] });
  const [point] = await measured({ spec, weights, runtime, task: words, problems, budgets: [3] });
  expect(point?.scores.map(({ difficulty, problems: count }) => [difficulty, count])).toEqual(
    [1, 2, 3, 4].map((difficulty) => [difficulty, 200]),
  );
  expect(point?.solved).toBe(2);
  const shares = point?.scores.map(({ right }) => right / 200) ?? [];
  expect(shares[2]).toBeLessThan(0.95);
  expect(point?.accuracy).toBeCloseTo(shares.reduce((sum, share) => sum + share, 0) / 4, 12);
});

/** What a model writes: each token the next input, as many as the answer has. */
function decoded(spec: Spec, weights: EvaluateAnswersOptions["weights"], { tokens, targets }: TokenProblem) {
  const own = Array.from(tokens);
  const answer: number[] = [];
  for (const [at, target] of Array.from(targets).entries()) {
    if (target < 0) continue;
    const token = likeliest(spec, weights, own.slice(0, at + 1), spec.loops)[at] as number;
    answer.push(token);
    if (at + 1 < own.length) own[at + 1] = token;
  }
  return answer;
}

test("written answers: right as a whole exactly where greedy decoding writes them", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const task = tokenTaskNamed("copy");
  const spec = specOf(task, 2);
  const training = { steps: 200, batch: 16, learningRate: 0.01, warmupSteps: 10, easiest: 1, hardest: 2 };
  const going = trainAnswers({ spec, training, runtime, task });
  let next = await going.next();
  while (!next.done) next = await going.next();
  const { weights } = next.value;
  const problems = heldOutProblems(task, { seed: 1, count: 40, difficulties: [2] });
  const [point] = await measured({ spec, weights, runtime, task, problems, budgets: [spec.loops] });
  const right = problems.filter(
    (problem) => String(decoded(spec, weights, problem)) === String(answerOf(problem)),
  ).length;
  expect(right).toBeGreaterThan(0);
  expect(point?.scores[0]?.right).toBe(right);
});

test("where several written answers are right, they are decoded", async () => {
  const task = tokenTaskNamed("brevo");
  const spec = specOf(task, 3);
  const weights = randomWeights(spec, 5, 0.3);
  const problems = heldOutProblems(task, { seed: 1, count: 6, difficulties: [3] });
  const [point] = await measured({ spec, weights, task, problems, budgets: [spec.loops], batch: 4 });
  const answers = problems.map((problem) => decoded(spec, weights, problem));
  const graded = {
    ...task,
    grade: (problem: TokenProblem, answer: ArrayLike<number>) => {
      const at = problems.indexOf(problem);
      return String(Array.from(answer)) === String(answers[at]);
    },
  };
  expect(point?.scores).toEqual(scoreAnswers(task, problems, answers));
  const [same] = await measured({ spec, weights, task: graded, problems, budgets: [spec.loops], batch: 4 });
  expect(same?.scores[0]?.right).toBe(problems.length);
});

test("what cannot be measured is refused", async () => {
  const spec = specOf(words, 4);
  const given = { spec, weights: randomWeights(spec, 1), task: words, budgets: [1] };
  const problems = heldOutProblems(words, { seed: 1, count: 2, difficulties: [4] });
  const longer = heldOutProblems(words, { seed: 1, count: 2, difficulties: [5] });
  const parity = tokenTaskNamed("parity");
  for (const [options, text] of [
    [{ ...given, problems: [] }, "problems none"],
    [{ ...given, problems: longer }, "problems 5 tokens"],
    [{ ...given, problems, budgets: [] }, "budgets none"],
    [{ ...given, problems, batch: 0 }, "batch 0"],
    [{ ...given, problems, task: parity }, "a vocabulary of 7 tokens"],
  ] as const) {
    const error = await rejectionOf(measured(options));
    expect(error.code).toBe("EVAL_OPTION");
    expect(error.message).toContain(text);
  }
});

import { describe, expect, test } from "vitest";
import { answerExits } from "../../src/measure/answer-exits.ts";
import { evaluateAnswers } from "../../src/measure/answers.ts";
import { presets } from "../../src/models/presets.ts";
import type { AnswerPoint } from "../../src/report/answers.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { heldOutProblems } from "../../src/tasks/tokens/grading.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { randomWeights } from "../models/tiny.ts";

const LOOPS = 3;

function setting(name: string, difficulties: readonly number[]) {
  const task = tokenTaskNamed(name);
  const spec = presets.loopformer({
    vocab: task.vocabulary.length,
    context: task.maxLength(Math.max(...difficulties)),
    width: 16,
    heads: 2,
    mlp: 32,
    layers: 1,
    loops: LOOPS,
  });
  const model = { spec, weights: randomWeights(spec, 3), runtime: interpreterRuntime() };
  return { model, task, problems: heldOutProblems(task, { seed: 1, count: 8, difficulties }) };
}

describe.each([
  ["words", [5]],
  ["mano", [1, 2, 3]],
] as const)("answers to %s of difficulties %j", (name, difficulties) => {
  const { model, task, problems } = setting(name, difficulties);

  test("of the whole trajectory are those that evaluation finds, whatever the lengths", async () => {
    const exits = await answerExits(model, { task, problems, rules: [] });
    expect(exits.map((exit) => exit.name)).toEqual(["first 1 of 3", "first 2 of 3", "first 3 of 3"]);
    expect(exits.map(({ meanLoops }) => meanLoops)).toEqual([1, 2, 3]);
    const points: AnswerPoint[] = [];
    for await (const one of evaluateAnswers({ ...model, task, problems, budgets: [LOOPS] })) points.push(one);
    const [point] = points;
    const whole = exits.at(-1);
    expect(whole?.accuracy).toBe(point?.accuracy);
    expect(whole?.scores.map(({ difficulty, right, problems: count }) => [difficulty, right, count])).toEqual(
      point?.scores.map(({ difficulty, right, problems: count }) => [difficulty, right, count]),
    );
  });

  test("that never leave are those of the whole trajectory, and those that always leave of its first loop", async () => {
    const exits = await answerExits(model, { task, problems, rules: ["kl<0", "probability>0"] });
    const [first, , whole, never, always] = exits;
    expect({ ...never, name: "" }).toEqual({ ...whole, name: "" });
    expect({ ...always, name: "" }).toEqual({ ...first, name: "" });
  });
});

test("each answer leaves by itself: a rule between its limits runs some loops, and more where its limit is stricter", async () => {
  const { model, task, problems } = setting("words", [5]);
  const done: number[] = [];
  const rules = ["change<1", "change<0.5", "change<0.25"];
  const exits = await answerExits(model, { task, problems, rules, onProgress: (count) => done.push(count) });
  const loops = exits.slice(LOOPS).map(({ meanLoops }) => meanLoops);
  expect(loops).toEqual([...loops].sort((a, b) => a - b));
  expect(new Set(loops).size).toBeGreaterThan(1);
  expect(done).toEqual(problems.map((_, index) => index + 1));
  for (const { meanLoops, scores } of exits)
    expect(scores.reduce((sum, score) => sum + score.meanLoops, 0) / scores.length).toBeCloseTo(
      meanLoops,
      12,
    );
});

test("no problems, and rules that are none, are refused", async () => {
  const { model, task, problems } = setting("words", [5]);
  expect((await rejectionOf(answerExits(model, { task, problems: [] }))).code).toBe("EVAL_OPTION");
  expect((await rejectionOf(answerExits(model, { task, problems, rules: ["mood<1"] }))).code).toBe("EXIT");
});

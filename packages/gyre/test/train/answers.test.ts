import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trainingFlops } from "../../src/models/describe.ts";
import { presets } from "../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../src/models/spec.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { ramp } from "../../src/tasks/curriculum.ts";
import type { TokenTask } from "../../src/tasks/task.ts";
import { problemsIn } from "../../src/tasks/tokens/generator.ts";
import { heldOutProblems } from "../../src/tasks/tokens/grading.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";
import { type AnswerTrainingInput, parseAnswerTraining } from "../../src/train/answer-options.ts";
import { type AnswerRun, answerSource, scoredRows, trainAnswers } from "../../src/train/answers.ts";
import { elasticSource, type Rows } from "../../src/train/elastic-source.ts";
import { initialState } from "../../src/train/initial-state.ts";
import type { MicroBatch, TrainEvent } from "../../src/train/optimise.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { changed } from "../models/tiny.ts";
import { copyOf, stepsOf } from "./helpers.ts";

const { gpt, baseLoop, tmlt, loopformer } = presets;
const words = tokenTaskNamed("words", "S3");
const size = (task: TokenTask, context: number) => ({
  vocab: task.vocabulary.length,
  context,
  width: 16,
  heads: 2,
  mlp: 32,
  layers: 1,
  loops: 3,
});
const spec = loopformer(size(words, 6));
const small = { steps: 4, batch: 4, warmupSteps: 0, easiest: 6, hardest: 6 } as const;
let runtime: OnnxRuntime;
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

async function trained(run: Omit<AnswerRun, "runtime">) {
  const events: TrainEvent[] = [];
  const going = trainAnswers({ ...run, runtime });
  for (;;) {
    const next = await going.next();
    if (next.done) return { events: stepsOf(events), state: next.value };
    events.push(next.value);
  }
}
const bytesOf = ({ weights, moments }: TrainState) =>
  [weights, moments.first, moments.second].map((tensors) =>
    [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString("hex")]),
  );

describe("options", () => {
  test("the task decides what nobody says", () => {
    const parity = tokenTaskNamed("parity");
    const { usual } = parity.difficulty;
    const of = loopformer(size(parity, 64));
    expect(parseAnswerTraining({}, of, parity)).toMatchObject({
      batch: 64,
      objective: { kind: "elastic" },
      easiest: usual.from,
      hardest: usual.to,
    });
    const hardest = { from: 3, to: 9, by: 3, every: 100 };
    expect(parseAnswerTraining({ hardest }, of, parity)).toMatchObject({ easiest: usual.from, hardest });
    expect(parseAnswerTraining({ hardest: 2 }, loopformer(size(words, 2)), words).easiest).toBe(2);
    const variables = tokenTaskNamed("variables");
    const fromNone = { from: 0, to: 2, by: 1, every: 10 };
    expect(
      parseAnswerTraining({ hardest: fromNone, steps: 30 }, loopformer(size(variables, 256)), variables),
    ).toMatchObject({ easiest: 0, hardest: fromNone });
  });

  test("every problem is named at once", () => {
    const wrong: [AnswerTrainingInput, Spec, string[]][] = [
      [{ hardest: 0 }, spec, ["hardest: 0, where words has from 1 to 512 elements"]],
      [{ easiest: 0, hardest: 6 }, spec, ["easiest: 0, where words has from 1 to 512 elements"]],
      [{ easiest: 5, hardest: 4 }, spec, ["hardest: 4 elements, below easiest 5"]],
      [
        { hardest: { from: 4, to: 8, by: 2, every: 10 }, steps: 1000 },
        spec,
        ["hardest: rows of up to 8 tokens, where the model's context is 6"],
      ],
      [{ easiest: 1, hardest: 600 }, spec, ["hardest: 600, where words has"]],
      [
        { easiest: 6, hardest: 6, learningRateFloor: 1 },
        loopformer({ ...size(words, 6), vocab: 9 }),
        ["learningRateFloor: 1 is above", "spec: a vocabulary of 9 tokens, where words has 7"],
      ],
      [{ batch: 0 }, spec, ["batch"]],
    ];
    for (const [options, of, problems] of wrong) {
      const error = errorOf(() => parseAnswerTraining(options, of, words));
      expect(error.code).toBe("TRAIN_OPTIONS");
      for (const problem of problems) expect(error.message).toContain(problem);
    }
  });
});

describe("the source", () => {
  test("a batch is a function of seed and step, and holds no held-out problem", () => {
    const training = parseAnswerTraining(small, spec, words);
    const read = (step: number, micro = 0, seed = 1) =>
      new Map(answerSource(spec, { ...training, seed }, words)(step, micro).inputs).get("tokens")?.data;
    expect(read(3)).toEqual(read(3));
    const others = [read(4), read(3, 1), read(3, 0, 2)].map((tokens) => String(tokens));
    expect(new Set([...others, String(read(3))]).size).toBe(4);
    const heldOut = new Set(
      heldOutProblems(words, { seed: 1, count: 3000, difficulties: [6] }).map(({ tokens }) => String(tokens)),
    );
    for (let step = 0; step < 200; step++) {
      const tokens = read(step) as Int32Array;
      for (let row = 0; row < 4; row++)
        expect(heldOut.has(String(tokens.subarray(row * 6, row * 6 + 6)))).toBe(false);
    }
  });

  test("rows grow with the curriculum, and each length has its graphs once", () => {
    const hardest = ramp(2, 6, { steps: 10, share: 0.8, stages: 3 });
    const training = parseAnswerTraining({ ...small, easiest: 2, hardest, steps: 10 }, spec, words);
    const source = answerSource(spec, training, words);
    const lengths = Array.from({ length: 10 }, (_, step) => source(step, 0).tokens / 4);
    expect([...new Set(lengths)]).toEqual([2, 4, 6]);
    const graphs = Array.from({ length: 10 }, (_, step) => [source(step, 0).graph, source(step, 0).graph]);
    for (const [first, second] of graphs) expect(second).toBe(first);
  });

  test("scored positions come with their targets in equal shares, filled up to a multiple of the batch", () => {
    const addition = tokenTaskNamed("addition");
    const drawn = addition.draw({ seed: 1, stream: "x", batch: 3, difficulty: { from: 2, to: 4 } });
    const { inputs, length, scored = 0 } = scoredRows(drawn);
    const read = new Map<string, Tensor>(inputs);
    const [at, targets, shares] = ["scoredAt", "targets", "shares"].map((name) =>
      Array.from(read.get(name)?.data ?? []),
    ) as [number[], number[], number[]];
    const answers = problemsIn(drawn).flatMap((problem) => Array.from(problem.targets).filter((x) => x >= 0));
    expect(length).toBe(drawn.length);
    expect(scored % 3).toBe(0);
    expect(targets.slice(0, answers.length)).toEqual(answers);
    expect(at.slice(0, answers.length).map((place) => drawn.targets[place])).toEqual(answers);
    expect(shares.filter((share) => share > 0)).toHaveLength(answers.length);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
  });

  test("nothing is gathered where every position is scored, and the loss is the same", async () => {
    const drawn = words.draw({ seed: 1, stream: "rows", batch: 4, difficulty: 6 });
    const { inputs, scored } = scoredRows(drawn);
    expect([scored, [...inputs].map(([name]) => name)]).toEqual([undefined, ["tokens", "targets"]]);
    const gathered = (count: number): [string, Tensor][] => [
      ["tokens", { data: drawn.tokens, shape: [4, 6] }],
      ["scoredAt", { data: Int32Array.from({ length: count }, (_, at) => at), shape: [count] }],
      ["targets", { data: drawn.targets, shape: [count] }],
      ["shares", { data: new Float32Array(count).fill(1 / count), shape: [count] }],
    ];
    const training = parseAnswerTraining({ ...small, objective: { kind: "final" } }, spec, words);
    const source = (rows: Rows) => elasticSource(spec, training, () => rows)(0, 0);
    const { weights } = initialState(spec, 1);
    const lossOf = async ({ graph, inputs: own }: MicroBatch) => {
      const outputs = await (await runtime.compile(graph)).run(new Map([...weights, ...own]));
      return outputs.get("loss")?.data[0];
    };
    const whole = await lossOf(source(scoredRows(drawn)));
    expect(whole).toBeCloseTo(1.94, 1);
    expect(whole).toBeCloseTo(
      (await lossOf(source({ inputs: gathered(24), length: 6, scored: 24 }))) ?? 0,
      6,
    );
  });

  test("only scored positions are read out", async () => {
    const mano = tokenTaskNamed("mano");
    const of = baseLoop(size(mano, mano.maxLength(2)));
    const { events } = await trained({
      spec: of,
      task: mano,
      training: { ...small, steps: 1, easiest: 2, hardest: 2 },
    });
    const [event] = events;
    const heads = 6 * of.vocab * of.width;
    const tokens = 4 * mano.maxLength(2);
    expect(event?.tokens).toBe(tokens);
    expect(event?.flops).toBe(trainingFlops(of, 3, tokens) - (tokens - 4) * heads);
  });
});

describe("training", () => {
  test("a run that goes on equals one that never stopped, bit for bit", async () => {
    const hardest = { from: 2, to: 6, by: 2, every: 1 };
    const training = { ...small, easiest: 2, hardest, objective: { kind: "elastic" as const } };
    const whole = await trained({ spec, task: words, training });
    const stop = new AbortController();
    let saved: TrainState | undefined;
    for await (const event of trainAnswers({
      spec,
      task: words,
      training,
      runtime,
      signal: stop.signal,
      save: async (state) => {
        saved = copyOf(state);
      },
    }))
      if (event.type === "step" && event.step === 2) stop.abort();
    expect(saved?.step).toBe(2);
    const resumed = await trained({ spec, task: words, training, state: saved });
    expect(bytesOf(resumed.state)).toEqual(bytesOf(whole.state));
  });

  const around = parseSpec(
    changed(baseLoop(size(words, 6)), { layers: { prelude: 1, coda: 1 }, inject: "add" }),
  );
  test.each([
    ["gpt", gpt({ ...size(words, 6), loops: 1 })],
    ["baseLoop", baseLoop(size(words, 6))],
    ["tmlt", tmlt(size(words, 6))],
    ["loopformer", spec],
    ["a model with prelude, coda and injection", around],
  ])("%s learns products of two elements", async (_, of) => {
    const objective = of.loops > 1 ? ({ kind: "elastic" } as const) : ({ kind: "final" } as const);
    const options = { steps: 300, batch: 32, learningRate: 0.01, warmupSteps: 10, easiest: 2, hardest: 2 };
    const { events } = await trained({ spec: of, task: words, training: { ...options, objective } });
    const long = events.map(({ parts }) => parts["long"] as number);
    expect(long[0]).toBeGreaterThan(1.8);
    expect(Math.min(...long.slice(-5))).toBeLessThan(0.5); // 0.9 for the first of both alone
  });
});

import { describe, expect, test } from "vitest";
import { bytesTokenizer } from "../../../src/data/tokenizer.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { readTexts } from "../../../src/decode/read.ts";
import type { Row, Vocabulary } from "../../../src/measure/benchmarks/join.ts";
import type { Benchmark, Question, QuestionKind, Writing } from "../../../src/measure/benchmarks/question.ts";
import {
  beforeStop,
  type Likelihood,
  modelReader,
  type Reader,
} from "../../../src/measure/benchmarks/reader.ts";
import {
  type BenchmarkScore,
  firstQuestions,
  prepareBenchmark,
} from "../../../src/measure/benchmarks/score.ts";
import { lossGraph } from "../../../src/measure/evaluate.ts";
import type { Model } from "../../../src/models/model.ts";
import { presets } from "../../../src/models/presets.ts";
import { alone, type Collective } from "../../../src/ranks/collective.ts";
import { interpreterRuntime } from "../../../src/runtime/interpreter.ts";
import type { Tensor } from "../../../src/util/tensor.ts";
import { randomWeights, routeInputs, tinySize } from "../../models/tiny.ts";
import { localRanks } from "../../ranks/local.ts";

const bytes = bytesTokenizer();
const spec = presets.loopformer({ ...tinySize, vocab: 257, context: 24 });
const model: Model = { spec, weights: randomWeights(spec, 5), runtime: interpreterRuntime() };
const vocabulary: Vocabulary = {
  encode: async (texts) => texts.map((text) => bytes.encodeText(text)),
  endOfText: 256,
  vocab: 257,
  context: spec.context,
};
const at = (line: number) => ({ path: "q.jsonl", line });
const benchmarkOf = (
  kind: QuestionKind,
  metrics: Benchmark["metrics"],
  questions: Question[],
): Benchmark => ({
  name: "mine",
  path: "q.jsonl",
  kind,
  metrics,
  questions,
});
const asked = async (benchmark: Benchmark, reader: Reader): Promise<BenchmarkScore> =>
  (await prepareBenchmark(benchmark, vocabulary)).ask(reader);
const optionsAt = (loops: number, batch = 32) => {
  return { loops, batch, decode: (tokens: Iterable<number>) => bytes.decode(tokens), endOfText: 256 };
};

/** Log-probabilities of a text's tokens after its first, by the whole forward pass without any cache. */
async function exactly(tokens: readonly number[], loops: number): Promise<number[]> {
  const count = tokens.length - 1;
  const program = await model.runtime.compile(lossGraph(spec, loops, 1, count), {
    bound: model.weights,
    buffers: 1,
  });
  const row = (from: number) => ({
    data: Int32Array.from(tokens.slice(from, from + count)),
    shape: [1, count],
  });
  const inputs = new Map<string, Tensor>([
    ...routeInputs(spec, loops),
    ["tokens", row(0)],
    ["targets", row(1)],
  ]);
  return Array.from((await program.run(inputs)).get("losses")?.data ?? [], (loss) => -loss);
}
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** What a reader would say that knows each sum beforehand. */
const told = (sums: readonly number[], greedy: readonly boolean[] = []): Reader => ({
  score: async (rows) =>
    rows.map((_, index): Likelihood => ({ sum: sums[index] ?? 0, isGreedy: greedy[index] ?? false })),
  write: async () => [],
});
const choiceOf = (choices: string[], gold: number, line = 1): Question => ({
  kind: "choices",
  place: at(line),
  choices,
  requests: choices.map((choice) => ({ context: "c", continuation: ` ${choice}` })),
  gold,
});

describe("a model's likelihoods", () => {
  const rows: Row[] = ["the sun", "a", "is it warm?", "so"].map((text, index) => {
    const tokens = [256, ...bytes.encodeText(text)];
    return { place: at(index + 1), tokens, from: index === 2 ? 5 : 1, isCut: false };
  });

  test.each([1, 2, 4])("are those of a whole forward pass in float64, at %s loops", async (loops) => {
    await using decoder = new Decoder(model);
    const likelihoods = await modelReader(decoder, optionsAt(loops)).score(rows);
    for (const [index, { tokens, from }] of rows.entries()) {
      const exact = (await exactly(tokens, loops)).slice(from - 1);
      expect(likelihoods[index]?.sum).toBeCloseTo(sum(exact), 10);
    }
  });

  test("do not depend on what is read together", async () => {
    await using decoder = new Decoder(model);
    const together = await modelReader(decoder, optionsAt(2)).score(rows);
    const alone = await modelReader(decoder, optionsAt(2, 1)).score(rows);
    for (const [index, { sum }] of together.entries()) expect(alone[index]?.sum).toBeCloseTo(sum, 10);
  });

  test("and what is written are those of one process where ranks share the rows", async () => {
    const readers = (all: readonly Collective[]) =>
      Promise.all(
        all.map(async (ranks) => {
          await using decoder = new Decoder(model);
          const reader = modelReader(decoder, { ...optionsAt(2, 1), ranks });
          const form = { ignoreCase: false, ignorePunctuation: false };
          const writing: Writing = { stop: ["\n"], maxTokens: 4, ...form };
          const prompts = rows.map(({ tokens }) => tokens);
          return [await reader.score(rows), await reader.write(prompts, writing)];
        }),
      );
    const [one] = await readers([alone]);
    expect(await readers(localRanks(2))).toEqual([one, one]);
  });

  test("are greedy where the model would write the same", async () => {
    await using decoder = new Decoder(model);
    const reader = modelReader(decoder, optionsAt(3));
    const prompt = [256, 116, 104];
    let written: number[] = [];
    await readTexts(decoder, [prompt], { loops: 3, from: [2] }, ({ logits, position }) => {
      expect(position).toBe(2);
      written = [logits.indexOf(Math.max(...logits))];
    });
    const row = (tokens: readonly number[]): Row => ({ place: at(1), tokens, from: 3, isCut: false });
    const other = [...prompt, ((written[0] as number) + 1) % 256];
    const likelihoods = await reader.score([row([...prompt, ...written]), row(other)]);
    expect(likelihoods.map(({ isGreedy }) => isGreedy)).toEqual([true, false]);
  });
});

describe("multiple choice", () => {
  const questions = [
    choiceOf(["yes", "no"], 0, 1),
    choiceOf(["a long answer", "é"], 0, 2),
    choiceOf(["one", "two", "six"], 1, 3),
  ];

  test("acc, acc_norm by characters, acc_bytes, and the first of equals", async () => {
    const benchmark = benchmarkOf("choices", ["acc", "acc_norm", "acc_bytes"], questions);
    // question 1: -3 > -4; -3/3 > -4/2. Question 2: -13 < -1.5; -13/13 > -1.5/1 by characters, but < -1.5/2 in bytes.
    // Question 3: of three equals the first is taken, which is not the answer.
    const score = await asked(benchmark, told([-3, -4, -13, -1.5, -2, -2, -2]));
    const oneOfThree = Math.sqrt(2 / 9 / 2);
    expect(score).toEqual({
      metrics: [
        { metric: "acc", value: 1 / 3, stderr: expect.closeTo(oneOfThree, 12) },
        { metric: "acc_norm", value: 2 / 3, stderr: expect.closeTo(oneOfThree, 12) },
        { metric: "acc_bytes", value: 1 / 3, stderr: expect.closeTo(oneOfThree, 12) },
      ],
      questions: 3,
      cut: 0,
    });
  });

  test("one question has no standard error", async () => {
    const score = await asked(benchmarkOf("choices", ["acc"], questions.slice(0, 1)), told([-3, -4]));
    expect(score.metrics).toEqual([{ metric: "acc", value: 1 }]);
  });

  test("on a model: what a whole forward pass prefers, cut contexts counted", async () => {
    await using decoder = new Decoder(model);
    const long = choiceOf(["abc", "xyz"], 0);
    const context = "a context that is longer than 24";
    const requests = (long as Extract<Question, { kind: "choices" }>).requests.map((one) => ({
      ...one,
      context,
    }));
    const all = [questions[0], questions[2], { ...long, requests }] as Question[];
    const benchmark = benchmarkOf("choices", ["acc"], all);
    const score = await asked(benchmark, modelReader(decoder, optionsAt(2)));
    let right = 0;
    for (const question of benchmark.questions as Extract<Question, { kind: "choices" }>[]) {
      const sums: number[] = [];
      for (const { context: before, continuation } of question.requests) {
        const tokens = Array.from(bytes.encodeText(before + continuation)).slice(-25);
        sums.push(sum((await exactly(tokens, 2)).slice(-continuation.length)));
      }
      if (sums.indexOf(Math.max(...sums)) === question.gold) right++;
    }
    expect(score.metrics[0]?.value).toBe(right / 3);
    expect(score.cut).toBe(1);
  });
});

describe("the last word", () => {
  test("acc is greedy, perplexity is exp of minus the mean", async () => {
    const questions = ["dog", "cat"].map((word, index): Question => {
      return {
        kind: "last-word",
        place: at(index + 1),
        request: { context: "her", continuation: ` ${word}` },
      };
    });
    const score = await asked(
      benchmarkOf("last-word", ["acc", "perplexity"], questions),
      told([-1, -3], [true, false]),
    );
    expect(score.metrics).toEqual([
      { metric: "acc", value: 0.5, stderr: 0.5 },
      { metric: "perplexity", value: Math.exp(2), stderr: expect.closeTo(Math.exp(2), 12) },
    ]);
  });
});

describe("rolling perplexity", () => {
  test("by word, by byte and in bits, each token scored once", async () => {
    await using decoder = new Decoder(model);
    const text = "We the people of the many é states.";
    const question: Question = { kind: "rolling", place: at(1), text };
    const metrics = ["word_perplexity", "byte_perplexity", "bits_per_byte"] as const;
    const score = await asked(
      benchmarkOf("rolling", metrics, [question]),
      modelReader(decoder, optionsAt(3)),
    );
    const tokens = Array.from(bytes.encodeText(text));
    const first = await exactly([256, ...tokens.slice(0, 24)], 3);
    const last = (await exactly(tokens.slice(-25), 3)).slice(-(tokens.length - 24));
    const nats = -sum([...first, ...last]);
    expect(tokens).toHaveLength(36);
    const [word, byte, bits] = score.metrics.map(({ value }) => value);
    expect(Math.log(word as number)).toBeCloseTo(nats / 8, 10);
    expect(Math.log(byte as number)).toBeCloseTo(nats / 36, 10);
    expect(bits).toBeCloseTo(nats / 36 / Math.LN2, 10);
  });
});

describe("generation", () => {
  const writing = { stop: ["\n"], maxTokens: 4, ignoreCase: false, ignorePunctuation: false };
  const question = (answers: string[], context = "2 + 2 ="): Question => {
    return { kind: "generation", place: at(1), context, answers };
  };
  const saying = (text: string): Reader => ({ score: async () => [], write: async () => [text] });
  const exact = async (said: string, answers: string[], change: Partial<typeof writing> = {}) => {
    const benchmark = benchmarkOf("generation", ["exact_match"], [question(answers)]);
    return (await asked({ ...benchmark, writing: { ...writing, ...change } }, saying(said))).metrics[0]
      ?.value;
  };

  test("an answer is compared without white space around it, and more loosely only where told", async () => {
    expect(await exact(" four", ["4", "four"])).toBe(1);
    expect(await exact("Four.", ["four"])).toBe(0);
    expect(await exact("Four.", ["four"], { ignoreCase: true, ignorePunctuation: true })).toBe(1);
  });

  test("a model writes what it would write alone, up to a stop", async () => {
    await using decoder = new Decoder(model);
    const reader = modelReader(decoder, optionsAt(2));
    const prompts = ["one", "another one", "b"].map((text) => Array.from(bytes.encodeText(text)));
    const together = await reader.write(prompts, { ...writing, maxTokens: 6 });
    for (const [index, prompt] of prompts.entries())
      expect(await reader.write([prompt], { ...writing, maxTokens: 6 })).toEqual([together[index]]);
    const [first = ""] = together;
    expect(first.length).toBeGreaterThan(2);
    const stop = first.slice(2, 3);
    expect(await reader.write(prompts.slice(0, 1), { ...writing, maxTokens: 6, stop: [stop] })).toEqual([
      first.slice(0, first.indexOf(stop)),
    ]);
    expect(beforeStop("a\nb#c", ["#", "\n"])).toBe("a");
  });

  test("a prompt keeps its end, and an answer must fit", async () => {
    const reader: Reader = {
      score: async () => [],
      write: async (prompts) => prompts.map((prompt) => bytes.decode(prompt)),
    };
    const long = "0123456789012345678901234567";
    const benchmark = {
      ...benchmarkOf("generation", ["exact_match"], [question([long.slice(-21)], long)]),
      writing,
    };
    expect(await asked(benchmark, reader)).toMatchObject({ metrics: [{ value: 1 }], cut: 1 });
    await expect(asked({ ...benchmark, writing: { ...writing, maxTokens: 25 } }, reader)).rejects.toThrow(
      "BENCHMARK_LENGTH: q.jsonl:1: an answer of 25 tokens for a model with a context of 24",
    );
    await expect(exact("", [""])).rejects.toThrow("BENCHMARK_EMPTY");
  });
});

test("a limit asks the first questions", () => {
  const benchmark = benchmarkOf("choices", ["acc"], [choiceOf(["a", "b"], 0, 1), choiceOf(["a", "b"], 0, 2)]);
  expect(firstQuestions(benchmark, 1).questions).toEqual([benchmark.questions[0]]);
  expect(firstQuestions(benchmark, undefined)).toBe(benchmark);
});

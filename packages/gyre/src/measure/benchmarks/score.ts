import { mean, sampleStandardError } from "../../util/statistics.ts";
import { answerTooLong, emptyContinuation } from "./errors.ts";
import { checkTokens, joinRequests, type Row, rollingRows, type Vocabulary } from "./join.ts";
import type {
  Benchmark,
  BenchmarkMetric,
  ChoiceQuestion,
  GenerationQuestion,
  LastWordQuestion,
  RollingQuestion,
  Writing,
} from "./question.ts";
import type { Likelihood, Reader } from "./reader.ts";

/** A metric over all questions of a benchmark. */
interface MetricValue {
  readonly metric: BenchmarkMetric;
  readonly value: number;
  /** Standard error; left out where there are fewer than two questions, or none is known. */
  readonly stderr?: number;
}

/** A benchmark at one budget. */
export interface BenchmarkScore {
  readonly metrics: readonly MetricValue[];
  readonly questions: number;
  /** Questions of whose context the beginning was left out. */
  readonly cut: number;
}

/** A benchmark in the tokens of one model, every question checked. */
export interface PreparedBenchmark {
  readonly benchmark: Benchmark;
  /** Rows to score, or prompts to go on from: steps of the progress at each budget. */
  readonly steps: number;
  /** Asks the model and scores what it says. */
  readonly ask: (reader: Reader) => Promise<BenchmarkScore>;
}

/**
 * Tokenizes all questions and checks them, before any is asked. Throws BENCHMARK_EMPTY, BENCHMARK_LENGTH or
 * BENCHMARK_TOKEN, each with file and line.
 */
export function prepareBenchmark(benchmark: Benchmark, vocabulary: Vocabulary): Promise<PreparedBenchmark> {
  switch (benchmark.kind) {
    case "choices":
      return prepareChoices(benchmark, vocabulary);
    case "last-word":
      return prepareLastWords(benchmark, vocabulary);
    case "rolling":
      return prepareDocuments(benchmark, vocabulary);
    case "generation":
      return prepareGenerations(benchmark, vocabulary);
  }
}

async function prepareChoices(benchmark: Benchmark, vocabulary: Vocabulary): Promise<PreparedBenchmark> {
  const questions = benchmark.questions as readonly ChoiceQuestion[];
  const requests = questions.flatMap(({ requests, place }) => requests.map((one) => ({ ...one, place })));
  const rows = await joinRequests(requests, vocabulary);
  const ask = async (reader: Reader) => {
    const likelihoods = await reader.score(rows);
    let next = 0;
    const ofQuestions = questions.map(({ choices }) => {
      const start = next;
      next += choices.length;
      return { sums: likelihoods.slice(start, next).map(({ sum }) => sum), rows: rows.slice(start, next) };
    });
    const rates = {
      acc: () => 1,
      acc_norm: (choice: string) => [...choice].length,
      acc_bytes: (choice: string) => new TextEncoder().encode(choice).length,
    };
    const metrics = benchmark.metrics.map((metric) => {
      const lengthOf = rates[metric as keyof typeof rates];
      const right = questions.map(({ choices, gold }, index) => {
        const { sums } = ofQuestions[index] as (typeof ofQuestions)[number];
        return firstOfLargest(sums.map((sum, at) => sum / lengthOf(choices[at] as string))) === gold ? 1 : 0;
      });
      return meanOf(metric, right);
    });
    const cut = ofQuestions.filter((one) => one.rows.some(({ isCut }) => isCut)).length;
    return { metrics, questions: questions.length, cut };
  };
  return { benchmark, steps: rows.length, ask };
}

async function prepareLastWords(benchmark: Benchmark, vocabulary: Vocabulary): Promise<PreparedBenchmark> {
  const questions = benchmark.questions as readonly LastWordQuestion[];
  const rows = await joinRequests(
    questions.map(({ request, place }) => ({ ...request, place })),
    vocabulary,
  );
  const ask = async (reader: Reader) => {
    const likelihoods = await reader.score(rows);
    const metrics = benchmark.metrics.map((metric) =>
      metric === "acc"
        ? meanOf(
            metric,
            likelihoods.map(({ isGreedy }) => (isGreedy ? 1 : 0)),
          )
        : perplexityOf(
            metric,
            likelihoods.map(({ sum }) => sum),
          ),
    );
    return { metrics, questions: questions.length, cut: cutAmong(rows) };
  };
  return { benchmark, steps: rows.length, ask };
}

/** exp(-mean) of log-probabilities, with the standard error that the mean's has to first order. */
function perplexityOf(metric: BenchmarkMetric, sums: readonly number[]): MetricValue {
  const { value, stderr } = meanOf(metric, sums);
  const perplexity = Math.exp(-value);
  return { metric, value: perplexity, ...(stderr === undefined ? {} : { stderr: perplexity * stderr }) };
}

async function prepareDocuments(benchmark: Benchmark, vocabulary: Vocabulary): Promise<PreparedBenchmark> {
  const questions = benchmark.questions as readonly RollingQuestion[];
  const rows: Row[] = [];
  for (const question of questions) rows.push(...(await rollingRows(question, vocabulary)));
  const sizes = { words: 0, bytes: 0 };
  for (const { text } of questions) {
    sizes.words += text.split(/\s+/).length;
    sizes.bytes += new TextEncoder().encode(text).length;
  }
  const ask = async (reader: Reader) => {
    const nats = -sumOf(await reader.score(rows));
    const values: Partial<Record<BenchmarkMetric, number>> = {
      word_perplexity: Math.exp(nats / sizes.words),
      byte_perplexity: Math.exp(nats / sizes.bytes),
      bits_per_byte: nats / sizes.bytes / Math.LN2,
    };
    const metrics = benchmark.metrics.map((metric) => ({ metric, value: values[metric] as number }));
    return { metrics, questions: questions.length, cut: 0 };
  };
  return { benchmark, steps: rows.length, ask };
}

async function prepareGenerations(benchmark: Benchmark, vocabulary: Vocabulary): Promise<PreparedBenchmark> {
  const questions = benchmark.questions as readonly GenerationQuestion[];
  const writing = benchmark.writing as Writing;
  const { context, endOfText, encode } = vocabulary;
  const room = context - writing.maxTokens + 1;
  const encoded = await encode(questions.map((question) => question.context));
  const prompts = questions.map(({ place }, index) => {
    const tokens = Array.from(encoded[index] as ArrayLike<number>);
    if (room < 1) throw answerTooLong(place, writing.maxTokens, context);
    checkTokens(tokens, place, vocabulary);
    return tokens.length === 0 ? [endOfText] : tokens;
  });
  for (const { answers, place } of questions) {
    const empty = answers.find((answer) => plain(answer, writing) === "");
    if (empty !== undefined || answers.length === 0) throw emptyContinuation(place, empty ?? "");
  }
  const ask = async (reader: Reader) => {
    const kept = prompts.map((prompt) => prompt.slice(-room));
    const written = await reader.write(kept, writing);
    const right = questions.map(({ answers }, index) => {
      const given = plain(written[index] as string, writing);
      return answers.some((answer) => plain(answer, writing) === given) ? 1 : 0;
    });
    const metrics = benchmark.metrics.map((metric) => meanOf(metric, right));
    const cut = prompts.filter(({ length }) => length > room).length;
    return { metrics, questions: questions.length, cut };
  };
  return { benchmark, steps: prompts.length, ask };
}

/** An answer as it is compared: without white space around it. */
function plain(text: string, { ignoreCase, ignorePunctuation }: Writing): string {
  const kept = ignorePunctuation ? text.replace(/\p{P}/gu, "") : text;
  return (ignoreCase ? kept.toLowerCase() : kept).trim();
}

function meanOf(metric: BenchmarkMetric, values: readonly number[]): MetricValue {
  const stderr = values.length > 1 ? { stderr: sampleStandardError(values) } : {};
  return { metric, value: mean(values), ...stderr };
}

function firstOfLargest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

const sumOf = (likelihoods: readonly Likelihood[]): number =>
  likelihoods.reduce((total, { sum }) => total + sum, 0);

const cutAmong = (rows: readonly Row[]): number => rows.filter(({ isCut }) => isCut).length;

/** The first questions of a benchmark, `most` of them. */
export const firstQuestions = (benchmark: Benchmark, most: number | undefined): Benchmark =>
  most === undefined ? benchmark : { ...benchmark, questions: benchmark.questions.slice(0, most) };

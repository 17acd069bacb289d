import { basename, resolve } from "node:path";
import type { Tokenizer } from "../data/tokenizer.ts";
import { Decoder } from "../decode/decoder.ts";
import type { Vocabulary } from "../measure/benchmarks/join.ts";
import { benchmarkMeans } from "../measure/benchmarks/means.ts";
import type { Benchmark } from "../measure/benchmarks/question.ts";
import { modelReader, type Reader } from "../measure/benchmarks/reader.ts";
import { type PreparedBenchmark, prepareBenchmark } from "../measure/benchmarks/score.ts";
import { parameterCount } from "../models/parameters.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import { counted, groupedText } from "../report/numbers.ts";
import type { BenchmarkEntry, BenchmarkModel, BenchmarkPoint, ReportOf } from "../report/report.ts";
import { trajectoryText } from "../report/trajectory.ts";
import { openOnnxRuntime, threadCount } from "../runtime/onnx.node.ts";
import { sha256Of } from "../util/checksum.node.ts";
import { measuredModel } from "./reports.node.ts";
import { loadTokenizer, loadWeights, openRun, type Run } from "./run.node.ts";

export interface EvaluateBenchmarksOptions {
  readonly benchmarks: readonly Benchmark[];
  /** The budgets of one model; `isCompared` when it stands among others. */
  readonly budgets: (spec: Spec, isCompared: boolean) => Promise<readonly Budget[]>;
  /** What made the report, on which machine, with which commit of gyre. */
  readonly command: string;
  readonly machine: string;
  readonly commit?: string | undefined;
  /** Rows that are read together; no result depends on it. */
  readonly batch?: number;
  readonly threads?: number;
  readonly onProgress?: (progress: BenchmarkProgress) => void;
  /** Told of damaged checkpoints that were passed over. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface BenchmarkProgress {
  readonly model: string;
  readonly benchmark: string;
  /** As in the report: a number of loops or step sizes. */
  readonly budget: string;
  /** Continuations read so far. */
  readonly done: number;
  readonly total: number;
}

/**
 * Asks runs the questions of benchmarks at each budget. All questions are checked before any is asked. Throws what
 * `openRun`, `loadTokenizer`, `loadWeights` and `prepareBenchmark` throw.
 *
 * @example
 * const benchmarks = await readBenchmarks(["tasks"]);
 * const budgets = async () => [1, 2, 4];
 * const report = await evaluateBenchmarks(["runs/first"], { benchmarks, budgets, command: "", machine: "" });
 */
export async function evaluateBenchmarks(
  paths: readonly string[],
  options: EvaluateBenchmarksOptions,
): Promise<ReportOf<"benchmarks">> {
  const { benchmarks, command, machine, commit } = options;
  const runs = await Promise.all(paths.map(openRun));
  const prepared = await Promise.all(runs.map((run) => prepareRun(run, runs.length > 1, options)));
  const threads = threadCount(options.threads);
  await using runtime = await openOnnxRuntime({ threads, keep: 1 });
  const models: BenchmarkModel[] = [];
  for (const [index, run] of runs.entries()) {
    const name = basename(resolve(paths[index] as string));
    const loaded = await loadWeights(run);
    const { weights, step, warnings } = loaded;
    for (const warning of warnings) options.onWarning?.(`${name}: ${warning}`);
    await using decoder = new Decoder({ spec: run.config.spec, weights, runtime });
    const points = await measure(decoder, name, prepared[index] as PreparedRun, options);
    const { spec } = run.config;
    const size = groupedText(parameterCount(spec));
    models.push({
      ...measuredModel(name, loaded),
      source: `${spec.family}, ${size} parameters, ${spec.loops} loops, step ${step}`,
      points,
    });
  }
  return {
    version: 2,
    kind: "benchmarks",
    provenance: {
      command,
      ...(commit === undefined ? {} : { commit }),
      createdAt: new Date().toISOString(),
      machine,
      runtime: `${runtime.name}, ${counted(threads, "thread")}`,
    },
    benchmarks: benchmarks.map(({ name, kind, path, questions }) => {
      const sha256 = sha256Of(JSON.stringify(questions));
      return { name, kind, file: basename(path), questions: questions.length, sha256 };
    }),
    models,
  };
}

interface PreparedRun {
  readonly budgets: readonly Budget[];
  readonly tokenizer: Tokenizer;
  readonly prepared: readonly PreparedBenchmark[];
}

async function prepareRun(
  run: Run,
  isCompared: boolean,
  { benchmarks, budgets }: EvaluateBenchmarksOptions,
): Promise<PreparedRun> {
  const { spec } = run.config;
  const asked = await budgets(spec, isCompared);
  for (const budget of asked) conditions(spec, budget);
  const tokenizer = await loadTokenizer(run);
  const vocabulary: Vocabulary = {
    encode: async (texts) => texts.map((text) => tokenizer.encodeText(text)),
    endOfText: tokenizer.endOfText,
    vocab: spec.vocab,
    context: spec.context,
  };
  const prepared: PreparedBenchmark[] = [];
  for (const benchmark of benchmarks) prepared.push(await prepareBenchmark(benchmark, vocabulary));
  return { budgets: asked, tokenizer, prepared };
}

async function measure(
  decoder: Decoder,
  model: string,
  { budgets, tokenizer, prepared }: PreparedRun,
  { batch, onProgress, signal }: EvaluateBenchmarksOptions,
): Promise<BenchmarkPoint[]> {
  const points: BenchmarkPoint[] = [];
  for (const loops of budgets) {
    const count = typeof loops === "number" ? loops : loops.length;
    const budget =
      typeof loops === "number" ? String(loops) : trajectoryText(loops, decoder.model.spec.loops);
    const entries: BenchmarkEntry[] = [];
    const started = performance.now();
    for (const { benchmark, steps, ask } of prepared) {
      let done = 0;
      const reader: Reader = modelReader(decoder, {
        loops,
        decode: (tokens) => tokenizer.decode(tokens),
        endOfText: tokenizer.endOfText,
        ...(batch === undefined ? {} : { batch }),
        ...(signal ? { signal } : {}),
        onProgress: (rows) => {
          done += rows;
          onProgress?.({ model, benchmark: benchmark.name, budget, done, total: steps });
        },
      });
      const { metrics, cut } = await ask(reader);
      entries.push(...metrics.map((value) => ({ benchmark: benchmark.name, ...value, cut })));
    }
    const elapsedMs = performance.now() - started;
    points.push({ loops: count, budget, elapsedMs, entries, means: benchmarkMeans(entries) });
  }
  return points;
}

import { basename, resolve } from "node:path";
import type { Tokenizer } from "../data/tokenizer.ts";
import { Decoder } from "../decode/decoder.ts";
import { badServer } from "../measure/benchmarks/errors.ts";
import type { Vocabulary } from "../measure/benchmarks/join.ts";
import { benchmarkMeans } from "../measure/benchmarks/means.ts";
import type { Benchmark } from "../measure/benchmarks/question.ts";
import { modelReader, type Reader } from "../measure/benchmarks/reader.ts";
import { type PreparedBenchmark, prepareBenchmark } from "../measure/benchmarks/score.ts";
import { servedModels, serverReader, serverVocabulary } from "../measure/benchmarks/server-reader.ts";
import { parameterCount } from "../models/parameters.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import { requireSameWeights } from "../ranks/agreement.ts";
import { alone, type Collective } from "../ranks/collective.ts";
import { counted, groupedText } from "../report/numbers.ts";
import type { BenchmarkEntry, BenchmarkModel, BenchmarkPoint, ReportOf } from "../report/report.ts";
import { trajectoryText } from "../report/trajectory.ts";
import type { DeviceChoice } from "../runtime/devices.node.ts";
import { openOnnxRuntime } from "../runtime/onnx.node.ts";
import { threadCount } from "../runtime/threads.node.ts";
import { sha256Of } from "../util/checksum.node.ts";
import type { Run } from "./config.ts";
import { measuredModel } from "./reports.node.ts";
import { openRun } from "./run.node.ts";
import { loadTokenizer } from "./tokenizer.node.ts";
import { loadWeights, type WhichCheckpoint, type WhichWeights } from "./weights.node.ts";

/** Which benchmarks are asked at which budgets, and what goes into the report. */
export interface EvaluateBenchmarksOptions {
  readonly benchmarks: readonly Benchmark[];
  /** The newest good one by default. */
  readonly checkpoint?: WhichCheckpoint;
  /** Moving averages where a run keeps them, by default. */
  readonly weights?: WhichWeights;
  /** The budgets of one model; `isCompared` when it stands among others. */
  readonly budgets: (spec: Spec, isCompared: boolean) => Promise<readonly Budget[]>;
  /** What made the report, on which machine, with which commit of gyre. */
  readonly command: string;
  readonly machine: string;
  readonly commit?: string | undefined;
  /** Rows that are read together; no result depends on it. */
  readonly batch?: number;
  readonly threads?: number;
  /** Where runs compute; the CPU by default. */
  readonly device?: DeviceChoice | undefined;
  /** The processes that share the rows; all open the same runs and get the same report. This one alone by default. */
  readonly ranks?: Collective;
  /** Called as continuations are read. */
  readonly onProgress?: (progress: BenchmarkProgress) => void;
  /** Told of damaged checkpoints that were passed over. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** How far an evaluation on benchmarks has come. */
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
  const runs = await Promise.all(paths.map((path) => openRun(path)));
  const prepared = await Promise.all(runs.map((run) => prepareRun(run, runs.length > 1, options)));
  const threads = threadCount(options.threads);
  await using runtime = await openOnnxRuntime({ threads, device: options.device ?? "cpu", keep: 1 });
  const models: BenchmarkModel[] = [];
  for (const [index, run] of runs.entries()) {
    const name = basename(resolve(paths[index] as string));
    const loaded = await loadWeights(run, options.checkpoint, options.weights);
    const { weights, step, warnings } = loaded;
    for (const warning of warnings) options.onWarning?.(`${name}: ${warning}`);
    await requireSameWeights(options.ranks ?? alone, `of ${name}`, weights);
    await using decoder = new Decoder({ spec: run.config.spec, weights, runtime });
    const ready = prepared[index] as PreparedRun;
    const points = await measure(name, depthsOf(decoder, ready, options), ready.prepared, options.onProgress);
    const { spec } = run.config;
    const size = groupedText(parameterCount(spec));
    models.push({
      ...measuredModel(name, loaded),
      source: `${spec.family}, ${size} parameters, ${spec.loops} loops, step ${step}`,
      points,
    });
  }
  return reportOf(options, `${runtime.name}, ${counted(threads, "thread")}`, models);
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

/** A model as it is asked: at one depth, by one reader. */
interface Depth {
  readonly loops?: number;
  readonly budget: string;
  readonly readerOf: (onProgress: (rows: number) => void) => Reader;
}

async function measure(
  model: string,
  depths: readonly Depth[],
  prepared: readonly PreparedBenchmark[],
  onProgress: ((progress: BenchmarkProgress) => void) | undefined,
): Promise<BenchmarkPoint[]> {
  const points: BenchmarkPoint[] = [];
  for (const { loops, budget, readerOf } of depths) {
    const entries: BenchmarkEntry[] = [];
    const started = performance.now();
    for (const { benchmark, steps, ask } of prepared) {
      let done = 0;
      const reader = readerOf((rows) => {
        done += rows;
        onProgress?.({ model, benchmark: benchmark.name, budget, done, total: steps });
      });
      const { metrics, cut } = await ask(reader);
      entries.push(...metrics.map((value) => ({ benchmark: benchmark.name, ...value, cut })));
    }
    const elapsedMs = performance.now() - started;
    const depth = loops === undefined ? {} : { loops };
    points.push({ ...depth, budget, elapsedMs, entries, means: benchmarkMeans(entries) });
  }
  return points;
}

function depthsOf(
  decoder: Decoder,
  { budgets, tokenizer }: PreparedRun,
  { batch, ranks, signal }: EvaluateBenchmarksOptions,
): Depth[] {
  return budgets.map((loops) => ({
    loops: typeof loops === "number" ? loops : loops.length,
    budget: typeof loops === "number" ? String(loops) : trajectoryText(loops, decoder.model.spec.loops),
    readerOf: (onProgress) =>
      modelReader(decoder, {
        loops,
        decode: (tokens) => tokenizer.decode(tokens),
        endOfText: tokenizer.endOfText,
        ...(batch === undefined ? {} : { batch }),
        ...(ranks ? { ranks } : {}),
        ...(signal ? { signal } : {}),
        onProgress,
      }),
  }));
}

/** Which benchmarks a server is asked. */
export interface EvaluateServerOptions
  extends Pick<
    EvaluateBenchmarksOptions,
    "benchmarks" | "command" | "machine" | "commit" | "batch" | "onProgress" | "signal"
  > {
  /** As the server calls it; the first that it lists when left out. */
  readonly model?: string | undefined;
  /** Numbers of loops, asked as `MODEL@loops` by way of gyre's own server; the model as it is when left out. */
  readonly loops?: readonly number[] | undefined;
  readonly key?: string | undefined;
}

/**
 * Asks a server that speaks completions with echoed log-probabilities. One that cuts prompts or lacks echo is refused by
 * BENCHMARK_SERVER and never scored. Throws also what `prepareBenchmark` throws.
 *
 * @example
 * const benchmarks = await readBenchmarks(["piqa.jsonl"]);
 * const report = await evaluateServer("http://127.0.0.1:8080", { benchmarks, command: "", machine: "" });
 */
export async function evaluateServer(
  url: string,
  options: EvaluateServerOptions,
): Promise<ReportOf<"benchmarks">> {
  const { benchmarks, loops, key, batch, signal, onProgress } = options;
  const common = { url, key, ...(batch === undefined ? {} : { batch }), ...(signal ? { signal } : {}) };
  const model = options.model ?? (await servedModels(common))[0];
  if (model === undefined) throw badServer(url, "it lists no model");
  const vocabulary = await serverVocabulary({ ...common, model });
  const prepared: PreparedBenchmark[] = [];
  for (const benchmark of benchmarks) prepared.push(await prepareBenchmark(benchmark, vocabulary));
  const depths = (loops ?? [undefined]).map((count): Depth => {
    const name = count === undefined ? model : `${model}@${count}`;
    return {
      ...(count === undefined ? { budget: "as served" } : { loops: count, budget: String(count) }),
      readerOf: (onProgress) => serverReader({ ...common, model: name, onProgress }),
    };
  });
  const points = await measure(model, depths, prepared, onProgress);
  return reportOf(options, `the server ${url}`, [{ name: model, source: `served at ${url}`, points }]);
}

function reportOf(
  { benchmarks, command, machine, commit }: EvaluateServerOptions,
  runtime: string,
  models: readonly BenchmarkModel[],
): ReportOf<"benchmarks"> {
  return {
    version: 2,
    kind: "benchmarks",
    provenance: {
      command,
      ...(commit === undefined ? {} : { commit }),
      createdAt: new Date().toISOString(),
      machine,
      runtime,
    },
    benchmarks: benchmarks.map(({ name, kind, path, questions }) => {
      const sha256 = sha256Of(JSON.stringify(questions));
      return { name, kind, file: basename(path), questions: questions.length, sha256 };
    }),
    models: [...models],
  };
}

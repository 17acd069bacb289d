import { contentChecksum } from "../data/manifest.ts";
import type { Dataset } from "../data/shards.node.ts";
import { type EvaluateProgress, evaluate, predictedTokens } from "../measure/evaluate.ts";
import { parameterCount } from "../models/parameters.ts";
import type { Budget, Spec } from "../models/spec.ts";
import { requireSame, requireSameWeights } from "../ranks/agreement.ts";
import { alone, type Collective } from "../ranks/collective.ts";
import { counted, groupedText } from "../report/numbers.ts";
import type { BudgetPoint, ModelReport, QualityReport } from "../report/report.ts";
import type { DeviceChoice } from "../runtime/devices.node.ts";
import { openOnnxRuntime } from "../runtime/onnx.node.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { threadCount } from "../runtime/threads.node.ts";
import type { Run } from "./config.ts";
import { runName } from "./curves.node.ts";
import { openRunData } from "./data.node.ts";
import { notComparable } from "./errors.ts";
import { dataOf, measuredModel } from "./reports.node.ts";
import { openRun } from "./run.node.ts";
import { loadWeights, type WhichCheckpoint, type WhichWeights } from "./weights.node.ts";

/** How runs are measured, and what goes into the report. */
export interface EvaluateRunsOptions {
  /** The budgets of one model; `isCompared` when it stands among others. */
  readonly budgets: (spec: Spec, isCompared: boolean) => Promise<readonly Budget[]>;
  readonly kind: QualityReport["kind"];
  /** What made the report, on which machine, with which commit of gyre. */
  readonly command: string;
  readonly machine: string;
  readonly commit?: string | undefined;
  /** Folder of a dataset; the one that the runs were trained on when left out. */
  readonly data?: string;
  readonly stride?: number;
  readonly maxTokens?: number;
  readonly batch?: number;
  readonly threads?: number;
  /** Where runs compute; the CPU by default. */
  readonly device?: DeviceChoice | undefined;
  /** The processes that share the windows; all open the same runs and get the same report. This one alone by default. */
  readonly ranks?: Collective;
  /** The newest good one by default. */
  readonly checkpoint?: WhichCheckpoint;
  /** Moving averages where a run keeps them, by default. */
  readonly weights?: WhichWeights;
  /** Called after each batch, and with the `point` when a budget is done. */
  readonly onProgress?: (progress: RunProgress) => void;
  /** Told of damaged checkpoints that were passed over. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** How far the evaluation of runs has come. */
export interface RunProgress extends EvaluateProgress {
  readonly name: string;
  /** Number of budgets of this run. */
  readonly budgets: number;
  readonly point?: BudgetPoint;
}

/**
 * Evaluates runs on the validation split of their dataset, which is never trained on, and gathers the report. Throws
 * EVAL_COMPARE for runs of different contexts or datasets, RANKS_DIFFER where a rank's data or weights are others, and the errors of `openRun`, `openRunData`, `evaluate`.
 */
export async function evaluateRuns(
  paths: readonly string[],
  options: EvaluateRunsOptions,
): Promise<QualityReport> {
  const { runs, dataset } = await openComparable(paths, options.data);
  const asked = await Promise.all(runs.map(({ config }) => options.budgets(config.spec, runs.length > 1)));
  const { stride, maxTokens, commit, ranks = alone } = options;
  await requireSame(ranks, "the dataset", () => contentChecksum(dataset.manifest));
  const threads = threadCount(options.threads);
  await using runtime = await openOnnxRuntime({ threads, device: options.device ?? "cpu", keep: 1 });
  const models: ModelReport[] = [];
  for (const [index, run] of runs.entries()) {
    models.push(await measure(run, runName(run.path, paths), dataset, runtime, asked[index] ?? [], options));
  }
  const { context } = (runs[0] as Run).config.spec;
  const { manifest, validation } = dataset;
  return {
    version: 2,
    kind: options.kind,
    provenance: {
      command: options.command,
      ...(commit === undefined ? {} : { commit }),
      createdAt: new Date().toISOString(),
      machine: options.machine,
      runtime: `${runtime.name}, ${counted(threads, "thread")}`,
      data: dataOf(manifest),
    },
    protocol: {
      tokenizer: `${manifest.tokenizer.kind}, ${groupedText(manifest.tokenizer.vocab)} entries`,
      tokens: models[0]?.points[0]?.tokens ?? predictedTokens(validation, maxTokens),
      context,
      stride: stride ?? context,
    },
    models,
  };
}

/**
 * Opens runs that can be compared on text, and the dataset of all of them, or the one at `data`. Throws EVAL_COMPARE for runs of
 * different contexts or datasets, and what `openRun` and `openRunData` throw.
 */
export async function openComparable(
  paths: readonly string[],
  data?: string,
): Promise<{ readonly runs: readonly Run[]; readonly dataset: Dataset }> {
  const runs: Run[] = [];
  let dataset: Dataset | undefined;
  for (const path of paths) {
    const run = await openRun(path);
    const own = await openRunData(run, data);
    const first = runs[0];
    const problem = first && dataset && differenceOf(run, own, first, dataset);
    if (problem) throw notComparable(path, first.path, problem);
    runs.push(run);
    dataset ??= own;
  }
  return { runs, dataset: dataset as Dataset };
}

function differenceOf(run: Run, data: Dataset, first: Run, firstData: Dataset): string | undefined {
  const { context } = first.config.spec;
  if (run.config.spec.context !== context) return `a context of ${run.config.spec.context}, not ${context}`;
  const files = ({ manifest: { validation, tokenizer } }: Dataset) =>
    JSON.stringify([validation.files, tokenizer]);
  return files(data) === files(firstData) ? undefined : "another dataset";
}

async function measure(
  run: Run,
  name: string,
  { validation, tokenizer }: Dataset,
  runtime: Runtime,
  budgets: readonly Budget[],
  options: EvaluateRunsOptions,
): Promise<ModelReport> {
  const { stride, maxTokens, batch, ranks = alone, onProgress, onWarning, signal } = options;
  const { spec } = run.config;
  const loaded = await loadWeights(run, options.checkpoint, options.weights);
  const { weights, warnings } = loaded;
  for (const warning of warnings) onWarning?.(`${name}: ${warning}`);
  await requireSameWeights(ranks, `of ${name}`, weights);
  const points: BudgetPoint[] = [];
  for await (const point of evaluate({
    spec,
    weights,
    runtime,
    split: validation,
    byteLength: tokenizer.byteLength,
    budgets,
    ranks,
    ...(stride === undefined ? {} : { stride }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(batch === undefined ? {} : { batch }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (progress) => onProgress?.({ ...progress, name, budgets: budgets.length }),
  })) {
    const { tokens } = point;
    onProgress?.({
      budget: points.length,
      tokens,
      totalTokens: tokens,
      name,
      budgets: budgets.length,
      point,
    });
    points.push(point);
  }
  const { family, loops } = spec;
  return {
    ...measuredModel(name, loaded),
    family,
    spec,
    parameters: parameterCount(spec),
    trainedLoops: loops,
    points,
  };
}

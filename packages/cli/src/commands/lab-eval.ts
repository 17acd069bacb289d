import { basename, join, resolve } from "node:path";
import type { MeasuredModel, Spec } from "gyre";
import {
  type Arm,
  armTable,
  compare,
  examplesChart,
  loopsChart,
  noiseChart,
  settingsOf,
  vectorTaskNamed,
} from "gyre/lab";
import {
  type Device,
  loadWeights,
  measuredModel,
  openOnnxRuntime,
  openRun,
  type PromptsConfig,
  type Run,
  requireSameWeights,
  type WhichCheckpoint,
  type WhichWeights,
} from "gyre/node";
import { otherTasks } from "../errors.ts";
import type { LoopsRange } from "../options.ts";
import { asRank, type RankHow, requireSameCommand, statusOf } from "../ranks.ts";
import { presentReport, provenanceNow, requireOutput } from "../reports.ts";
import { startRanks } from "../start-ranks.ts";

type PromptRun = Run<PromptsConfig>;

export interface LabEvalOptions {
  readonly loops?: LoopsRange;
  readonly noise: readonly number[];
  readonly prompts: number;
  readonly seed: number;
  readonly checkpoint?: WhichCheckpoint;
  readonly weights?: WhichWeights;
  readonly out?: string;
  readonly name?: string;
  readonly device?: Device | undefined;
  readonly ranks?: number;
}

/** `gyre lab eval`: errors of runs of one task and of its classical algorithms, against examples, loops and noise. */
export async function labEvalCommand(paths: readonly string[], options: LabEvalOptions): Promise<number> {
  if (options.ranks !== undefined) return await startRanks(options.ranks);
  return await asRank((ranks) => evalRank(paths, { options, ranks, status: statusOf(ranks) }));
}

/** Measures as one of the ranks; rank 0, often the only one, prints and writes. */
async function evalRank(
  paths: readonly string[],
  { options, ranks, status }: RankHow<LabEvalOptions>,
): Promise<number> {
  await requireSameCommand(ranks);
  const runs = await Promise.all(paths.map((path) => openRun(path, ["prompts"])));
  const [first] = runs as [PromptRun, ...PromptRun[]];
  const task = vectorTaskNamed(first.config.task);
  const others = runs.filter((run) => run.config.task !== task.name);
  if (others.length > 0)
    throw otherTasks(
      task.name,
      others.map((run) => `${run.path} (${run.config.task})`),
    );
  const folder = options.out ?? join(first.path, "reports");
  if (ranks.rank === 0) await requireOutput(folder);
  try {
    const arms = new Map<string, Arm>();
    const models: MeasuredModel[] = [];
    for (const run of runs) {
      const loaded = await loadWeights(run, options.checkpoint, options.weights);
      const { weights, warnings } = loaded;
      for (const warning of warnings) status.print(`warning: ${run.path}: ${warning}`);
      await requireSameWeights(ranks, `of ${run.path}`, weights);
      models.push(measuredModel(basename(resolve(run.path)), loaded));
      const name = armName(run);
      const { spec } = run.config;
      arms.set(name, { name, spec, weights: [...(arms.get(name)?.weights ?? []), weights] });
    }
    const { out: _, checkpoint: __, weights: ___, device = "cpu", name, loops, ...measure } = options;
    await using runtime = await openOnnxRuntime({ device, threads: 1, keep: 2 });
    const common = {
      ...measure,
      ...(loops ? { loops: ({ loops: trained }: Spec) => loops(trained) } : {}),
      task,
      arms: [...arms.values()],
      runtime,
      ranks,
      onProgress: (text: string) => status.update(text, false),
    };
    const comparison = await compare(common);
    const charts = [examplesChart(comparison), loopsChart(comparison), await noiseChart(comparison, common)];
    status.clear();
    const settings = { ...settingsOf(comparison), noise: options.noise, runs: models };
    if (ranks.rank === 0)
      await presentReport(
        {
          version: 2,
          kind: "lab",
          provenance: await provenanceNow({ runtime: runtime.name, seeds: [options.seed] }),
          findings: { title: task.name, charts, claims: [], table: armTable(comparison), settings },
        },
        { folder, ...(name === undefined ? {} : { name }) },
      );
    return 0;
  } finally {
    status.clear();
  }
}

/** Runs that differ by nothing but their seed are one arm. */
const armName = ({ config: { recipe, training } }: PromptRun) => `${recipe}, lr ${training.learningRate}`;

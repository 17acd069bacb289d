import { join } from "node:path";
import {
  analyze,
  heldOutProblems,
  type Model,
  movementClaims,
  type Report,
  type ReportOf,
  textsOfProblems,
} from "gyre";
import {
  type AnswersConfig,
  type ConfigOf,
  dataOf,
  isOnTask,
  loadWeights,
  measuredModel,
  openComparable,
  openOnnxRuntime,
  openRun,
  type Run,
  runName,
} from "gyre/node";
import { type Measurement, type MeasureOptions, measureRun, ofText } from "../measure-run.ts";
import { type LoopsRange, UsageError } from "../options.ts";
import { StatusLine } from "../render/status-line.ts";
import { presentReport, provenanceNow, requireOutput } from "../reports.ts";
import { askedOf, rangeOfRuns, taskOfRuns, titleOf } from "../token-tasks.ts";

export interface AnalyzeCommandOptions extends MeasureOptions {
  readonly loops?: LoopsRange;
  readonly tokens: number;
  readonly traced?: number;
}

/** `gyre analyze`: what each loop does to the states of a text's tokens, and what follows from it; of several runs, what tells them apart. */
export async function analyzeCommand(
  paths: readonly string[],
  options: AnalyzeCommandOptions,
): Promise<number> {
  const [path = ""] = paths;
  if (paths.length === 1) await measureRun(path, options, statesOf(options));
  else await compareRuns(paths, options);
  return 0;
}

/** What is looked at, and how its tokens are called. */
interface Texts {
  readonly source: Parameters<typeof analyze>[1];
  readonly textOf: (token: number) => string;
  readonly data: Report["provenance"]["data"];
}
const kinds = [...ofText, "task"] as const;
type Kinds = (typeof kinds)[number];
type OneRun = Run<ConfigOf<Kinds>>;

/** Tokens of the first text that one run's report traces; a comparison shows none. */
const usualTraced = 16;

/** A look inside the loops, on validation text or on held-out problems. */
export const statesOf = (options: AnalyzeCommandOptions): Measurement<"states", Texts, Kinds> => ({
  kind: "states",
  of: kinds,
  open: (run) => textsFor([run], options),
  measure: async (model, texts, status) => ({ analysis: await lookInto(model, texts, options, status) }),
  data: ({ data }) => data,
});

const lookInto = (
  model: Model,
  { source, textOf }: Texts,
  { loops, tokens, traced = usualTraced }: AnalyzeCommandOptions,
  status: StatusLine,
) =>
  analyze(model, source, {
    ...(loops === undefined ? {} : { loops: loops(model.spec.loops) }),
    tokens,
    traced,
    textOf,
    onPart: (part) => status.update(part, false),
  });

/** Looks into several runs on the same texts, for one report in the folder of the first. */
async function compareRuns(paths: readonly string[], options: AnalyzeCommandOptions): Promise<void> {
  const { device = "cpu", threads, out, name, traced = 0 } = options;
  const runs = await Promise.all(paths.map((path) => openRun(path, kinds)));
  const texts = await textsFor(runs, options);
  await requireOutput(out);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime({ device, ...(threads === undefined ? {} : { threads }) });
  const looked: Pick<ReportOf<"states">, "model" | "analysis">[] = [];
  try {
    for (const run of runs) {
      const { spec } = run.config;
      const loaded = await loadWeights(run);
      const model = measuredModel(runName(run.path, paths), loaded);
      for (const warning of loaded.warnings) status.print(`warning: ${model.name}: ${warning}`);
      status.update(model.name, true);
      const opened = { spec, weights: loaded.weights, runtime };
      looked.push({ model, analysis: await lookInto(opened, texts, { ...options, traced }, status) });
    }
    status.clear();
    const [first, ...others] = looked as [(typeof looked)[number], ...typeof looked];
    const claims = movementClaims(
      looked.map(({ model, analysis }, at) => ({
        name: model.name,
        hasSteps: runs[at]?.config.spec.conditioning.kind === "time",
        analysis,
      })),
    );
    const report: ReportOf<"states"> = {
      version: 2,
      kind: "states",
      provenance: await provenanceNow({ runtime: runtime.name, ...(texts.data ? { data: texts.data } : {}) }),
      ...first,
      others,
      ...(claims.length > 0 ? { claims } : {}),
    };
    const folder = out ?? join(paths[0] ?? ".", "reports");
    await presentReport(report, { folder, ...(name === undefined ? {} : { name }) });
  } finally {
    status.clear();
  }
}

/** The validation split of runs on text; of runs on a task held-out problems of the hardest difficulty that all came to. */
async function textsFor(
  runs: readonly OneRun[],
  { tokens, data }: Pick<AnalyzeCommandOptions, "tokens" | "data">,
): Promise<Texts> {
  const flat = runs.find(({ config }) => config.spec.loops < 2);
  if (flat)
    throw new UsageError(
      `${flat.path} is a ${flat.config.spec.family} of one loop: there is nothing to look into.`,
    );
  const onTask = runs.filter((run): run is Run<AnswersConfig> => isOnTask(run.config));
  if (onTask.length === 0) {
    const { dataset } = await openComparable(
      runs.map(({ path }) => path),
      data,
    );
    const { validation, tokenizer, manifest } = dataset;
    const textOf = (token: number) => tokenizer.decode([token]);
    return { source: validation, textOf, data: dataOf(manifest) };
  }
  const odd = runs.find(({ config }) => !isOnTask(config));
  if (odd) throw new UsageError(`${odd.path} is on text, and ${onTask[0]?.path} on a task.`);
  const task = await taskOfRuns(onTask, data);
  const difficulties = [rangeOfRuns(onTask).hardest];
  const problems = heldOutProblems(task, { seed: 1, count: askedOf(task, tokens), difficulties });
  return {
    source: textsOfProblems(problems, tokens),
    textOf: (token: number) => task.vocabulary[token] ?? `?${token}`,
    data: { name: titleOf(task), split: "held-out" },
  };
}

import { describe } from "../models/describe.ts";
import type { Spec } from "../models/spec.ts";
import type { ModelCost } from "../report/cost.ts";
import { counted, groupedText, milliseconds, numberText } from "../report/numbers.ts";
import type { Report, ReportOf } from "../report/report.ts";
import { isUniform } from "../report/trajectory.ts";
import { GyreError } from "../util/errors.ts";
import { compareRuns } from "./compare.node.ts";
import { isOnTask, learnedTask, type Run, type RunConfig } from "./config.ts";
import { MetricsFile } from "./metrics.node.ts";
import { reportsIn } from "./reports.node.ts";

/** What has been measured of a checkpoint: parts of its card. */
export interface CardParts extends Pick<ReportOf<"card">, "exits"> {
  quality?: ReportOf<"card">["quality"];
  trajectories?: ReportOf<"card">["trajectories"];
  answerExits?: ReportOf<"card">["answerExits"];
  drafts?: ReportOf<"card">["drafts"];
  states?: ReportOf<"card">["states"];
}

/** Which checkpoint a card is of. */
export interface GatherOptions {
  /** Checksum of its weights: measurements of others are passed over. */
  readonly sha256: string;
  readonly spec: Spec;
  /** Runs that its quality has to be measured beside. */
  readonly baselines: readonly string[];
  readonly command: string;
  /** Told of reports that cannot be read, and of baselines that were trained on since they were measured. */
  readonly onWarning: (text: string) => void;
}

/** The newest measurements of a checkpoint, from the reports in its run's folder and those of its baselines. */
export async function gatherCard(path: string, options: GatherOptions): Promise<CardParts> {
  const { sha256, onWarning } = options;
  const age = ({ provenance }: Report) => provenance.createdAt ?? "";
  const all = (await reportsIn(path, onWarning)).sort((a, b) => (age(a) < age(b) ? 1 : -1));
  const isOwn = (report: Report) => {
    if ("model" in report) return report.model.sha256 === sha256 && !("others" in report);
    return "models" in report && hasOnly(report.models, sha256);
  };
  const own = all.filter(isOwn);
  const newest = <Kind extends Report["kind"]>(kind: Kind) =>
    own.find((report): report is ReportOf<Kind> => report.kind === kind);
  const [quality, drafts, states] = [await qualityOf(path, options), newest("drafts"), newest("states")];
  const trajectories = newest("trajectories") ?? own.find(hasTrajectories);
  const exits = own.filter((report) => report.kind === "exits");
  const answerExits = newest("answer-exits");
  return {
    ...(quality ? { quality } : {}),
    ...(trajectories ? { trajectories } : {}),
    exits: exits.filter(
      (one, at) => exits.findIndex((other) => one.cachePolicy === other.cachePolicy) === at,
    ),
    ...(answerExits ? { answerExits } : {}),
    ...(drafts ? { drafts } : {}),
    ...(states ? { states } : {}),
  };
}

const hasOnly = (models: readonly { readonly sha256?: string | undefined }[], sha256: string) =>
  models.length === 1 && models[0]?.sha256 === sha256;

const hasTrajectories = (report: Report): report is ReportOf<"answers"> =>
  report.kind === "answers" &&
  report.models.every(({ points }) => points.some(({ trajectory }) => !isUniform(trajectory)));

/** Quality at every number of loops up to full depth, beside all baselines; undefined where it was not measured. */
async function qualityOf(
  path: string,
  { sha256, spec, baselines, command, onWarning }: GatherOptions,
): Promise<ReportOf<"card">["quality"]> {
  try {
    const report = await compareRuns([path, ...baselines], { command, onWarning });
    const [model] = report.models;
    const points: readonly { readonly loops: number; readonly trajectory: number[] }[] = model?.points ?? [];
    const loops = points.filter(({ trajectory }) => isUniform(trajectory)).map((point) => point.loops);
    const isWhole = Array.from({ length: spec.loops }, (_, at) => at + 1).every((one) => loops.includes(one));
    return model?.sha256 === sha256 && isWhole ? report : undefined;
  } catch (error) {
    const isUnmeasured = error instanceof GyreError && ["RUN_NO_REPORT", "EVAL_COMPARE"].includes(error.code);
    if (isUnmeasured) return undefined;
    throw error;
  }
}

/** What a model is made of, and what it costs at full depth. */
export function costOf(name: string, spec: Spec): ModelCost {
  const { parameters, budgets } = describe(spec);
  const [full] = budgets;
  const { prelude, core, coda } = spec.layers;
  return {
    name,
    family: spec.family,
    parameters,
    blocks: prelude + core + coda,
    blockPasses: full?.blockPasses ?? 0,
    flopsPerToken: full?.flopsPerToken ?? 0,
  };
}

/** How a run was trained, line by line, as its config and its metrics say. Throws CHECKPOINT_READ. */
export async function trainingOf(
  { path, config }: Run<RunConfig>,
  data?: string,
): Promise<ReportOf<"card">["training"]> {
  if (config.kind === "imported") {
    const unknown = { name: "training", text: "unknown: the model was imported" };
    if (!isOnTask(config)) return [unknown];
    const { name, variant, easiest, hardest } = learnedTask(config);
    const text = `${name}${variant === undefined ? "" : ` ${variant}`}, difficulties ${easiest} to ${hardest}`;
    return [{ name: "task", text }, unknown];
  }
  const { training } = config;
  const { records } = await new MetricsFile(path).read();
  const elapsedMs = records.reduce((sum, { elapsedMs }) => sum + Number(elapsedMs ?? 0), 0);
  const tokens = records.reduce((sum, record) => sum + Number(record["tokens"] ?? 0), 0);
  const [first, last] = [records[0]?.["loss"], records.at(-1)?.["loss"]].map((loss) => Number(loss));
  const source =
    config.kind === "text" ? data : "variant" in config ? `${config.task} ${config.variant}` : config.task;
  return [
    ...(source === undefined ? [] : [{ name: config.kind === "text" ? "text" : "task", text: source }]),
    ...(records.length === 0
      ? []
      : [
          {
            name: "training",
            text:
              `${counted(records.at(-1)?.step ?? 0, "step")}, ${groupedText(tokens)} tokens, in ` +
              `${milliseconds(elapsedMs)}; loss from ${numberText(first ?? 0)} to ${numberText(last ?? 0)}`,
          },
        ]),
    ...Object.entries(training).map(([name, value]) => ({ name, text: settingText(value) })),
  ];
}

/** A setting in words: "elastic, shortWeight 0.1". */
function settingText(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([name, own]) => (name === "kind" ? String(own) : `${name} ${settingText(own)}`))
    .join(", ");
}

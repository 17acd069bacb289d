import { basename, join, resolve } from "node:path";
import type { ReportOf } from "gyre";
import {
  type CardParts,
  costOf,
  gatherCard,
  isOnTask,
  loadWeights,
  measuredModel,
  openOnnxRuntime,
  openRun,
  openRunData,
  saveReport,
  threadCount,
  trainingOf,
} from "gyre/node";
import { type CardRun, partsOf, speedOf } from "../card-parts.ts";
import { type MeasureOptions, ofText } from "../measure-run.ts";
import { UsageError } from "../options.ts";
import { commandLine } from "../provenance.ts";
import { StatusLine } from "../render/status-line.ts";
import { presentReport, provenanceNow, requireOutput } from "../reports.ts";

export interface CardOptions extends MeasureOptions {
  readonly baseline?: readonly string[];
  /** False: only what has been measured. */
  readonly measure: boolean;
  readonly maxTokens: number;
}

const kinds = [...ofText, "task"] as const;
const nobodyAsked = "--no-measure";

/** `gyre card`: one page on one checkpoint, from what was measured before and what is measured now. */
export async function cardCommand(path: string, options: CardOptions): Promise<number> {
  const { baseline: baselines = [], maxTokens, data, device = "cpu", out, name = "card" } = options;
  const run = await openRun(path, kinds);
  const others = await Promise.all(baselines.map((one) => openRun(one, kinds)));
  const odd = others.find((one) => isOnTask(one.config) !== isOnTask(run.config));
  if (odd) throw new UsageError(`${odd.path} and ${path}: one is on a task, the other on text.`);
  const source = await sourceOf(run, data);
  const loaded = await loadWeights(run);
  await requireOutput(out);
  const status = new StatusLine();
  const threads = threadCount(options.threads);
  await using runtime = await openOnnxRuntime({ device, threads });
  const { spec } = run.config;
  const model = { spec, weights: loaded.weights, runtime };
  const card: CardRun = { path, run, loaded, model, status, baselines, data, maxTokens, device, threads };
  const own = measuredModel(basename(resolve(path)), loaded);
  try {
    for (const warning of loaded.warnings) status.print(`warning: ${warning}`);
    const speed = options.measure ? await speedOf(card) : undefined;
    const { parts, missing } = await gathered(card, own.sha256 ?? "", options.measure);
    const names = parts.quality?.models.map((one) => one.name);
    const report: ReportOf<"card"> = {
      version: 2,
      kind: "card",
      provenance: await provenanceNow({ runtime: runtime.name }),
      model: { ...own, spec, trainedLoops: spec.loops },
      cost: costOf(own.name, spec),
      baselines: others.map(({ path, config }, index) =>
        costOf(names?.[index + 1] ?? basename(resolve(path)), config.spec),
      ),
      training: await trainingOf(run, source),
      ...parts,
      ...(speed ? { speed } : {}),
      missing: speed ? missing : [...missing, { part: "speed and memory", why: nobodyAsked }],
    };
    status.clear();
    await presentReport(report, { folder: out ?? join(path, "reports"), name });
    return 0;
  } finally {
    status.clear();
  }
}

/** Where the text of a run is from, which is opened to see that it is there; none of a task or without a dataset. */
async function sourceOf({ path, config }: CardRun["run"], data: string | undefined) {
  if (isOnTask(config)) {
    if (data !== undefined) throw new UsageError("--data is not for runs on tasks.");
    return undefined;
  }
  if (config.data === null && data === undefined) return undefined;
  return (await openRunData({ path, config }, data)).manifest.source;
}

/** What was found, and what is measured now and kept with the run; and what is not, and why. */
async function gathered(card: CardRun, sha256: string, isMeasured: boolean) {
  const { path, status, baselines } = card;
  let parts: CardParts = await gatherCard(path, {
    sha256,
    spec: card.model.spec,
    baselines,
    command: commandLine(),
    onWarning: (text) => status.print(`warning: ${text}`),
  });
  const missing: ReportOf<"card">["missing"] = [];
  for (const { name, isThere, absence, measure } of partsOf(card)) {
    if (isThere(parts)) continue;
    if (absence !== undefined || !isMeasured) {
      missing.push({ part: name, why: absence ?? nobodyAsked });
      continue;
    }
    status.update(`measuring ${name}`, true);
    const more = await measure();
    for (const report of Object.values(more).flat())
      if (report) await saveReport(report, { folder: join(path, "reports") });
    parts = { ...parts, ...more, exits: [...parts.exits, ...(more.exits ?? [])] };
  }
  return { parts, missing };
}

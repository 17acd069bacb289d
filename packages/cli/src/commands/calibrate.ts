import { basename, join, resolve } from "node:path";
import { calibrate, draftText, type ReportOf } from "gyre";
import {
  dataOf,
  loadTokenizer,
  loadWeights,
  measuredModel,
  openOnnxRuntime,
  openRun,
  openRunData,
  type Run,
  saveCalibration,
} from "gyre/node";
import { StatusLine } from "../render/status-line.ts";
import { presentReport, provenanceNow } from "../reports.ts";

export interface CalibrateOptions {
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly data?: string;
}

const PROMPTS = 4;
const PROMPT_TOKENS = 16;

/** Finds the draft that decodes fastest on this machine, and keeps it with the run for `gyre generate`. */
export async function calibrateCommand(path: string, options: CalibrateOptions): Promise<number> {
  const run = await openRun(path);
  const loaded = await loadWeights(run);
  const { prompts, data } = await promptsOf(run, options.data);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime(
    options.threads === undefined ? {} : { threads: options.threads },
  );
  try {
    const model = { spec: run.config.spec, weights: loaded.weights, runtime };
    const calibration = await calibrate(model, {
      prompts,
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      onProgress: ({ done, total, draft }) =>
        status.update(`draft ${done + 1} of ${total}: ${draftText(draft)}`, false),
    });
    status.clear();
    const report: ReportOf<"drafts"> = {
      version: 2,
      kind: "drafts",
      provenance: await provenanceNow({ runtime: runtime.name, ...(data ? { data } : {}) }),
      model: measuredModel(basename(resolve(path)), loaded),
      calibration,
    };
    await presentReport(report, { folder: join(path, "reports") });
    console.log(await saveCalibration(run, report));
    return 0;
  } finally {
    status.clear();
  }
}

/** Beginnings from the validation split; an imported checkpoint has none and starts a new text. */
async function promptsOf(run: Run, path: string | undefined) {
  if (!run.config.data && path === undefined)
    return { prompts: [[(await loadTokenizer(run)).endOfText]], data: undefined };
  const { validation, manifest } = await openRunData(run, path);
  const stride = Math.floor((validation.length - PROMPT_TOKENS) / PROMPTS);
  const prompts = Array.from({ length: PROMPTS }, (_, index) => [
    ...validation.read(index * stride, index * stride + PROMPT_TOKENS),
  ]);
  return { prompts, data: dataOf(manifest) };
}

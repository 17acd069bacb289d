import { calibrate, draftText } from "gyre";
import {
  dataOf,
  type LanguageConfig,
  loadTokenizer,
  openRunData,
  type Run,
  saveCalibration,
} from "gyre/node";
import { type Measurement, type MeasureOptions, measureRun, ofText } from "../measure-run.ts";

export interface CalibrateOptions extends Pick<MeasureOptions, "device" | "threads" | "data"> {
  readonly maxTokens?: number;
}

const PROMPTS = 4;
const PROMPT_TOKENS = 16;

/** Finds the draft that decodes fastest on this machine, and keeps it with the run for `gyre generate`. */
export async function calibrateCommand(path: string, options: CalibrateOptions): Promise<number> {
  const { run, report } = await measureRun(path, options, draftsOf(options));
  console.log(await saveCalibration(run, report));
  return 0;
}

type Beginnings = Awaited<ReturnType<typeof promptsOf>>;

/** Whether drafts pay. */
export const draftsOf = ({
  maxTokens,
  data,
}: CalibrateOptions): Measurement<"drafts", Beginnings, LanguageConfig["kind"]> => ({
  kind: "drafts",
  of: ofText,
  open: (run) => promptsOf(run, data),
  async measure(model, { prompts }, status) {
    const calibration = await calibrate(model, {
      prompts,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      onProgress: ({ done, total, draft }) =>
        status.update(`draft ${done + 1} of ${total}: ${draftText(draft)}`, false),
    });
    return { calibration };
  },
  data: ({ data }) => data,
});

/** Beginnings from the validation split; an imported checkpoint has none and starts a new text. */
export async function promptsOf(run: Run, path: string | undefined) {
  if (!run.config.data && path === undefined)
    return { prompts: [[(await loadTokenizer(run)).endOfText]], data: undefined };
  const { validation, manifest } = await openRunData(run, path);
  const stride = Math.floor((validation.length - PROMPT_TOKENS) / PROMPTS);
  const prompts = Array.from({ length: PROMPTS }, (_, index) => [
    ...validation.read(index * stride, index * stride + PROMPT_TOKENS),
  ]);
  return { prompts, data: dataOf(manifest) };
}
